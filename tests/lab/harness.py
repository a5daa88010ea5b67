# SPDX-License-Identifier: Apache-2.0
"""What the tests of the lab share: the program, what it must leave behind (nothing), and TAP."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = ROOT / "cli/lab/faasnap-lab"
LAB_DIRECTORY = Path(os.environ.get("FAASNAP_LAB_DIR") or ROOT / "build/lab").resolve()
PARTS = ("qemu-system", "bochs-bin", "virtiofsd", "faasnap-paced")
# More than any lab here takes, on a busy machine too.
LIMIT_SECONDS = 600

tests: list[tuple[str, Callable[[Lab], None]]] = []


def it(sentence: str) -> Callable:
    """Registers a test: a function that throws if the sentence is not true."""

    def register(test: Callable[[Lab], None]) -> Callable[[Lab], None]:
        tests.append((sentence, test))
        return test

    return register


def expect(what: str, wanted: object, got: object) -> None:
    if wanted != got:
        raise AssertionError(f"{what}: wanted {wanted!r}, got {got!r}")


def expect_in(part: bytes, whole: bytes) -> None:
    if part not in whole:
        raise AssertionError(f"wanted {part!r} in {whole!r}")


def children_of(pid: int, name: str) -> list[int]:
    found = []
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if Path(f"/proc/{child}/comm").read_text().startswith(name):
                found.append(int(child))
    return found


def wait_until(what: str, condition: Callable[[], object], seconds: float = LIMIT_SECONDS):
    """Returns the condition's value as soon as that is true."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.05)
    return value


class Lab:
    """faasnap-lab, and a directory for one test's files."""

    def __init__(self, work: Path) -> None:
        self.work = work
        # Every process that a lab of this test starts is marked by this in its environment.
        self.environment = dict(os.environ, FAASNAP_LAB_TEST=str(work), LC_ALL="C.UTF-8")

    def start(self, *arguments: str | bytes | Path, disk: str | Path = "none",
              wrapper: list = [], **how) -> subprocess.Popen:
        how = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
               "stderr": subprocess.PIPE, "env": self.environment} | how
        return subprocess.Popen(
            # Memory costs a lab time when it starts.
            [*wrapper, PROGRAM, "--timeout", "300", "--memory", "512M",
             *(["--disk", disk] if disk else []), *arguments], **how
        )

    def run(self, *arguments: str | bytes | Path, **how) -> subprocess.CompletedProcess:
        """Runs to the end; `input` is what the command reads."""
        given = how.pop("input", None)
        if given is not None:
            how["stdin"] = subprocess.PIPE
        process = self.start(*arguments, **how)
        try:
            out, err = process.communicate(given, timeout=LIMIT_SECONDS)
        finally:
            process.kill()
            process.wait()
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def output(self, *arguments: str | bytes | Path, **how) -> bytes:
        """Runs what must succeed in silence, and returns its output."""
        done = self.run(*arguments, **how)
        expect("what is said", b"", done.stderr)
        expect("exit status", 0, done.returncode)
        return done.stdout

    def refused(self, status: int, *arguments: str | bytes | Path, says: bytes,
                lines: int = 1, **how) -> None:
        """Runs what must fail, with so many lines on the standard error."""
        done = self.run(*arguments, **how)
        expect(f"exit status of {arguments}", status, done.returncode)
        expect_in(says, done.stderr)
        expect(f"lines of {done.stderr!r}", lines, done.stderr.count(b"\n"))

    @contextlib.contextmanager
    def running(self, *arguments: str | bytes | Path, **how) -> Iterator[subprocess.Popen]:
        process = self.start(*arguments, **how)
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def machine(self, process: subprocess.Popen, but: tuple[int, ...] = ()) -> int:
        """Waits for the lab's QEMU and returns its process id."""

        def others() -> list[int]:
            return [pid for pid in children_of(process.pid, "qemu-system") if pid not in but]

        return wait_until("QEMU starts", others)[0]

    def own_directory(self) -> Path:
        """Returns a lab directory of this test's own, with a calibration and a log of its own."""
        directory = self.work / "lab"
        directory.mkdir()
        for name in ("vmlinux", "initrd", "tsc-khz", "modules"):
            (directory / name).symlink_to(LAB_DIRECTORY / name)
        self.environment["FAASNAP_LAB_DIR"] = str(directory)
        return directory

    def _left(self) -> list[str]:
        left = []
        mark = f"FAASNAP_LAB_TEST={self.work}".encode()
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (process / "environ").read_bytes().split(b"\0"):
                    name = (process / "comm").read_text().strip()
                    if name.startswith(PARTS):
                        left.append(name)
        return left

    def expect_nothing_left(self) -> None:
        # The kernel takes a moment to reap what was killed.
        deadline = time.monotonic() + 10
        while left := self._left():
            if time.monotonic() > deadline:
                raise AssertionError(f"left behind: {left}")
            time.sleep(0.1)


def run_one(number: int, sentence: str, test: Callable[[Lab], None]) -> tuple[bool, str]:
    """Runs a test; returns whether it passed, and what TAP says of it."""
    work = Path(tempfile.mkdtemp(prefix="lab-test."))
    began = time.monotonic()
    try:
        lab = Lab(work)
        test(lab)
        lab.expect_nothing_left()
        return True, f"ok {number} - {sentence} # {time.monotonic() - began:.0f} s"
    except Exception:
        lines = [f"# {line}" for line in traceback.format_exc().splitlines()]
        return False, "\n".join([*lines, f"not ok {number} - {sentence}"])
    finally:
        shutil.rmtree(work)


def run_all(pattern: str, jobs: int) -> int:
    """Runs the tests whose sentence contains `pattern`, so many at once, each in a process of its
    own; many of them wait most of their time."""
    # A shell starts what runs in its background with signals ignored, which labs would inherit.
    for ignored in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_DFL)
    chosen = [(sentence, test) for sentence, test in tests if pattern in sentence]
    failures = 0
    with ProcessPoolExecutor(jobs, get_context("fork")) as pool:
        for done in as_completed([
                pool.submit(run_one, number, *test) for number, test in enumerate(chosen, 1)]):
            passed, said = done.result()
            failures += not passed
            print(said, flush=True)
    print(f"1..{len(chosen)}")
    return 1 if failures else 0
