# SPDX-License-Identifier: Apache-2.0
"""ffmpeg: flips a stored MP4 from left to right with the ffmpeg program and stores the result."""

import hashlib
import os
import subprocess
import tempfile

from faasnap_runtime.params import stored_object

USES_STORE = True

# A fixed number of threads and cpu-independent make the encoder's output the same on any
# processor; bitexact leaves the versions of the libraries and the date out of the file.
_ENCODING = [
    "-vf", "hflip", "-an", "-c:v", "libx264", "-preset", "veryfast",
    "-x264-params", "threads=2:cpu-independent=1",
    "-fflags", "+bitexact", "-flags:v", "+bitexact", "-map_metadata", "-1",
]  # fmt: skip


def handle(params, store):
    key, data = stored_object(params, "input", store)
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "source.mp4")
        target = os.path.join(folder, "flipped.mp4")
        with open(source, "wb") as file:
            file.write(data)
        _flip(key, source, target)
        with open(target, "rb") as file:
            flipped = file.read()
    output = f"{key}.flipped"
    store.set(output, flipped)
    digest = hashlib.sha256(flipped).hexdigest()
    return {"key": output, "bytes": len(flipped), "sha256": digest}


def _flip(key, source, target):
    # The format is named so that nothing else is tried: a playlist would make ffmpeg open what it
    # lists.
    command = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error"]
    command += ["-protocol_whitelist", "file", "-f", "mov", "-i", source, *_ENCODING, target]
    run = subprocess.run(command, stderr=subprocess.PIPE, check=False)
    if run.returncode < 0:
        raise RuntimeError(f"ffmpeg was ended by signal {-run.returncode}")
    if run.returncode > 0:
        reason = run.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise ValueError(f"parameter 'input': {key!r:.80} cannot be flipped: {reason}")
