# SPDX-License-Identifier: Apache-2.0
"""The ways in which a lab ends without its command's status."""

from __future__ import annotations


class UsageError(Exception):
    """The command line is wrong."""


class LabFailure(Exception):
    """The lab cannot do what it was asked for. The text is one line."""


class LabDied(LabFailure):
    """A lab that was started ended, or fell silent, before its command ended."""

    def __init__(self, reason: str, phase: str, console: list[str], refused: bool = False) -> None:
        super().__init__(reason)
        # The phase that the lab had reached.
        self.phase = phase
        # The end of the kernel's console and of what QEMU and its servers said.
        self.console = console
        # True if another start cannot help, since a program did not accept what it was given.
        self.refused = refused


class Interrupted(BaseException):
    """A signal asks this program to end. Like KeyboardInterrupt, it is not an Exception."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
