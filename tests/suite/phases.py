# SPDX-License-Identifier: Apache-2.0
"""Phases of a test run: commands with a log each, that may run side by side."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from unchanged import Unchanged


@dataclass
class Counts:
    """How many checks passed, failed and were skipped; of the passed, how many did so after a failure
    only, and how many did in an earlier run and depend on nothing that has changed since."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    repeated: int = 0
    unchanged: int = 0


@dataclass
class Run:
    """One run of the suite: where it works, what passed before, what it counted, what it has started.

    Every method may be called from any thread.
    """

    root: Path
    build: Path
    unchanged: Unchanged
    counts: Counts = field(default_factory=Counts)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _running: set[subprocess.Popen] = field(default_factory=set)
    _began: float = field(default_factory=time.monotonic)
    _stopping: bool = False

    def log_of(self, name: str) -> Path:
        """The log of the phase `name`."""
        plain = "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower())
        return self.build / "log" / f"{plain}.log"

    def say(self, text: str) -> None:
        with self._lock:
            print(text, flush=True)

    def count(self, passed: int = 0, failed: int = 0, skipped: int = 0, repeated: int = 0,
              unchanged: int = 0) -> None:
        with self._lock:
            self.counts.passed += passed
            self.counts.failed += failed
            self.counts.skipped += skipped
            self.counts.repeated += repeated
            self.counts.unchanged += unchanged

    def reuse(self, name: str, passed: int, skipped: int = 0) -> None:
        """Counts what passed in an earlier run and need not run again."""
        self.count(passed, skipped=skipped, unchanged=passed)
        self.say(f"{self._clock()} {name:<32} unchanged: {passed} passed before")

    def _clock(self) -> str:
        return f"[{time.monotonic() - self._began:4.0f} s]"

    def phase(self, name: str, argv: list[str], *, environment: dict[str, str] | None = None,
              accept: tuple[int, ...] = (0,), again: bool = False,
              options: dict | None = None) -> int:
        """Runs a command with its output in the log, and says how long it took, of the processors, too.

        A status outside `accept` shows the end of the log. With `again` the log is appended to.
        Returns the status. `options` are for subprocess.Popen.
        """
        began = time.monotonic()
        log = self.log_of(name)
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "ab" if again else "wb") as output:
            status, computed = self._wait(argv, output, environment, options or {})
        lasted = f"{time.monotonic() - began:.0f} s ({computed:.0f} s of processors)"
        total = self._clock()
        if status in accept:
            self.say(f"{total} {name:<32} ok, {lasted}")
        else:
            where = log.relative_to(self.root)
            self.say(f"{total} {name:<32} FAILED, {lasted}; {where} ends with:\n{end_of(log)}")
        return status

    def _wait(self, argv: list[str], output, environment, options) -> tuple[int, float]:
        """Returns the status, and the processors' seconds of the process and all that it waited for."""
        with self._lock:
            if self._stopping:
                return 128 + signal.SIGTERM, 0
            try:
                # A process group of its own, which stop() ends as a whole.
                process = subprocess.Popen(
                    argv, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=self.root,
                    start_new_session=True, **{"stdin": subprocess.DEVNULL, **options})
            except OSError as error:
                output.write(f"{argv[0]}: {error.strerror}\n".encode())
                return 127, 0
            self._running.add(process)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = status = os.waitstatus_to_exitcode(status)
        with self._lock:
            self._running.discard(process)
        return status if status >= 0 else 128 - status, used.ru_utime + used.ru_stime

    def stop(self) -> None:
        """Ends what runs; phases that come later end at once."""
        with self._lock:
            self._stopping = True
            running = list(self._running)
        for process in running:
            try:
                os.killpg(process.pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        for process in running:
            process.wait()


def end_of(log: Path, lines: int = 25, columns: int = 300) -> str:
    text = log.read_text(errors="replace").splitlines()[-lines:]
    return "\n".join(f"    {line[:columns]}" for line in text)
