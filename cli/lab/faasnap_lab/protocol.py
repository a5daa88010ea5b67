# SPDX-License-Identifier: Apache-2.0
"""The protocol between the supervisor outside and the agent inside (docs/guide/lab.md).

The agent imports this module when the lab starts, on an emulated processor: it imports nothing.
"""

# The most that is read at once.
CHUNK = 65536
# Number of bytes of a stream that are read ahead for a slow reader.
BACKLOG = 1 << 20

STREAMS = ("stdin", "stdout", "stderr")
PORTS = ("control", *STREAMS)


def encode_job(fields: list[tuple[str, bytes]]) -> bytes:
    """Returns the `job` line and its body: names and values, each ended by a zero byte."""
    body = b"".join(name.encode() + b"\0" + value + b"\0" for name, value in fields)
    return b"job %d\n" % len(body) + body


def decode_job(body: bytes) -> dict[str, list[bytes]]:
    """Returns the values of each name in their order."""
    parts = body.split(b"\0")
    job: dict[str, list[bytes]] = {}
    for i in range(0, len(parts) - 1, 2):
        job.setdefault(parts[i].decode(), []).append(parts[i + 1])
    return job


def take_lines(buffer: bytearray) -> list[bytes]:
    """Removes the whole lines from the buffer and returns them without their ends."""
    end = buffer.rfind(b"\n") + 1
    lines = bytes(buffer[:end]).split(b"\n")[:-1]
    del buffer[:end]
    return lines
