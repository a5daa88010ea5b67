# SPDX-License-Identifier: Apache-2.0
"""The caller's terminal, if it has one."""

from __future__ import annotations

import os
import termios


def may_read_stdin() -> bool:
    """Returns False if reading would stop this process: a terminal, read from the background."""
    if not os.isatty(0):
        return True
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


class Terminal:
    """The streams that are one, and its mode while a command has it."""

    def __init__(self) -> None:
        # A command gets a terminal when it is used from one; else each stream stays what it is.
        streams = "".join(str(fd) for fd in range(3) if os.isatty(fd))
        self.streams = streams if streams.startswith("01") and may_read_stdin() else ""
        self._saved: list | None = None

    def window(self) -> tuple[int, int]:
        """Returns rows and columns."""
        try:
            return termios.tcgetwinsize(0)
        except termios.error:
            return 24, 80

    def make_raw(self) -> None:
        """Every key is the command's from now on."""
        if not self.streams or self._saved:
            return
        self._saved = termios.tcgetattr(0)
        mode = termios.tcgetattr(0)
        mode[0] &= ~(
            termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP
            | termios.INLCR | termios.IGNCR | termios.ICRNL | termios.IXON
        )
        mode[1] &= ~termios.OPOST
        mode[3] &= ~(
            termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN
        )
        mode[6][termios.VMIN] = 1
        mode[6][termios.VTIME] = 0
        termios.tcsetattr(0, termios.TCSANOW, mode)

    def restore(self) -> None:
        if self._saved:
            termios.tcsetattr(0, termios.TCSANOW, self._saved)
            self._saved = None
