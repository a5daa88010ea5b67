# SPDX-License-Identifier: Apache-2.0
"""The supervisor's own streams, which outlive a machine that is started again."""

from __future__ import annotations

import errno
import os
import select
import stat
import time

from .protocol import BACKLOG, CHUNK
from .terminal import may_read_stdin

# Maximum time that a reader may stall after the end of the lab.
STALL_SECONDS = 5.0


class Inlet:
    """Standard input."""

    def __init__(self) -> None:
        self.is_open = may_read_stdin()
        self.moved = 0

    def read(self) -> bytes:
        """Returns what there is. Closes itself at the end."""
        try:
            data = os.read(0, CHUNK)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        self.moved += len(data)
        self.is_open = bool(data)
        return data


class Outlet:
    """Standard output or error: never gets more than its reader takes without blocking us."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.buffer = bytearray()
        self.is_open = True
        # The error, unless the reader has closed its end.
        self.error: OSError | None = None
        # Number of bytes that the running machine has written.
        self.seen = 0
        # A pipe that poll calls writable takes this much without blocking.
        self._piece = CHUNK if stat.S_ISREG(os.fstat(fd).st_mode) else select.PIPE_BUF

    @property
    def has_room(self) -> bool:
        return len(self.buffer) < BACKLOG

    def add(self, data: bytes) -> None:
        self.seen += len(data)
        if self.is_open:
            self.buffer += data

    def write(self) -> None:
        try:
            written = os.write(self.fd, self.buffer[: self._piece])
        except BlockingIOError:
            return
        except OSError as error:
            self.is_open = False
            self.buffer.clear()
            if error.errno != errno.EPIPE:
                self.error = error
            return
        del self.buffer[:written]

    def flush(self) -> None:
        """Writes what is left, unless the reader takes nothing for a while."""
        poll = select.poll()
        poll.register(self.fd, select.POLLOUT)
        deadline = time.monotonic() + STALL_SECONDS
        while self.buffer and time.monotonic() < deadline:
            if poll.poll(500):
                self.write()
                deadline = time.monotonic() + STALL_SECONDS
