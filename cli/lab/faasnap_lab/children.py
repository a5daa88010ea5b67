# SPDX-License-Identifier: Apache-2.0
"""The programs that a lab consists of: they die with this one, however it dies."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess

from .errors import LabFailure

PR_SET_PDEATHSIG = 1
# virtiofsd keeps each file open that the lab has looked up.
WANTED_FILES = 1 << 20
LEAST_FILES = 1024
_libc = ctypes.CDLL(None)


def die_with_parent(number: int = signal.SIGKILL):
    """Returns what a child does before it becomes another program."""
    parent = os.getpid()

    def prepare() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


def raise_file_limit() -> None:
    """Lets the programs of a lab open many files, whatever the caller's own limit is."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(hard, WANTED_FILES),) * 2)
    except (OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        if hard < LEAST_FILES:
            raise LabFailure(
                f"only {hard} files can be open, the lab needs {LEAST_FILES} (ulimit -n)"
            ) from None


class Children:
    """The processes of one lab; leaving the context kills them."""

    def __init__(self, environment: dict[bytes, bytes]) -> None:
        self.environment = environment
        self.running: dict[str, subprocess.Popen] = {}
        # The children's own messages.
        self.diagnostics, self._writer = os.pipe()
        os.set_blocking(self.diagnostics, False)

    def start(self, name: str, arguments: list[str], keep: list[int]) -> None:
        """Starts a program that inherits the descriptors `keep` under their numbers.

        It is out of the terminal's reach: a Ctrl-C is for the command, not for its machine.
        """
        try:
            self.running[name] = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=self._writer,
                stderr=self._writer,
                cwd="/",
                env=self.environment,
                pass_fds=keep,
                start_new_session=True,
                preexec_fn=die_with_parent(),
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise LabFailure(f"{arguments[0]}: cannot be started: {error}") from error

    def ended(self) -> dict[str, int]:
        """Returns the exit status of each that has ended, negative for a signal."""
        return {
            name: child.returncode
            for name, child in self.running.items()
            if child.poll() is not None
        }

    def stop(self) -> None:
        for child in self.running.values():
            child.kill()
        for child in self.running.values():
            child.wait()
        self.running.clear()

    def __enter__(self) -> Children:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        os.close(self.diagnostics)
        os.close(self._writer)
