# SPDX-License-Identifier: Apache-2.0
"""Knows what has passed before, and whether anything that it depends on has changed since.

A result is kept with a digest of the content of all that the check reads: its program and those that
it starts, the guest images, the lab, the suite itself, the kernel, the processor and the packages of
this machine. While the digest is the same the check need not run again. Nothing is kept of a check
that failed, or that passed only when it was repeated.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
import threading
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

# What many checks read, and which is not named by their own command line.
SHARED = ("tests/suite", "bench/traces", "cli/lab", "rootfs", "dev")


def digest(parts: Iterable[bytes]) -> str:
    whole = hashlib.blake2b(digest_size=32)
    for part in parts:
        whole.update(len(part).to_bytes(8, "little") + part)
    return whole.hexdigest()


def content(files: Iterable[Path]) -> Iterable[bytes]:
    """The names of files, sorted, and what they hold; one that is not there differs from an empty one."""
    for file in sorted(files):
        yield str(file).encode()
        yield b"file" + file.read_bytes() if file.is_file() else b"none"


class Unchanged:
    """The results of earlier runs, in a file. Every method may be called from any thread.

    With `rerun` nothing counts as unchanged, and the results of this run are kept.
    """

    def __init__(self, root: Path, build: Path, rerun: bool = False):
        self._root = root
        self._build = build
        self._rerun = rerun
        self._file = build / "passed.json"
        self._lock = threading.Lock()
        try:
            self._kept = json.loads(self._file.read_text())
        except (OSError, ValueError):
            self._kept = {}

    def key(self, check: Iterable[str], files: Iterable[Path], tracked: Iterable[str] = ()) -> str:
        """A digest of how a check is run, of `files`, of files of the tree below `tracked`, and of
        what every check depends on."""
        how = [word.encode() for word in check]
        return digest([*how, self._surroundings.encode(), *content({*files, *self._tree(tracked)})])

    def find(self, name: str, key: str) -> tuple[int, int] | None:
        """How many tests of the check `name` passed and were skipped when it passed with this key;
        nothing if it has not."""
        with self._lock:
            kept = {} if self._rerun else self._kept.get(name, {})
        if kept.get("key") != key:
            return None
        return kept["passed"], kept["skipped"]

    def keep(self, name: str, key: str, passed: int, skipped: int = 0) -> None:
        """Notes that a check has passed."""
        with self._lock:
            self._kept[name] = {"key": key, "passed": passed, "skipped": skipped}
            text = json.dumps(self._kept, indent=1, sort_keys=True)
            partial = self._file.with_suffix(".partial")
            partial.write_text(text + "\n")
            partial.replace(self._file)

    def programs(self, preset: str) -> list[Path]:
        """What a preset builds that is neither a test nor a bench, and may be started by either."""
        return [file for file in (self._build / preset / "bin").iterdir()
                if file.is_file() and not file.name.startswith(("test_", "bench_"))]

    def _tree(self, below: Iterable[str]) -> list[Path]:
        if not (places := list(below)):
            return []
        listed = subprocess.run(
            ["git", "-C", str(self._root), "ls-files", "-z", "--cached", "--others",
             "--exclude-standard", "--", *places], stdout=subprocess.PIPE, check=True).stdout
        return [self._root / os.fsdecode(name) for name in listed.split(b"\0") if name]

    @cached_property
    def _surroundings(self) -> str:
        cpuinfo = Path("/proc/cpuinfo").read_text(errors="replace")
        processors = re.findall(r"^(?:model name|flags)\s*:.*", cpuinfo, re.M)
        machine = [platform.release(), *processors, str(os.geteuid()),
                   str(os.access("/dev/kvm", os.R_OK | os.W_OK)),
                   *(f"{name}={os.environ[name]}" for name in sorted(os.environ)
                     if name.startswith("FAASNAP_"))]
        made = [Path(os.environ["FAASNAP_IMAGES"]) / "images.json",
                Path(os.environ["FAASNAP_LAB_DIR"]) / "stamp", Path("/var/lib/dpkg/status"),
                *(self._build / "kernels").glob("*/stamp")]
        return digest([*(text.encode() for text in machine),
                       *content({*made, *self._tree(SHARED)})])
