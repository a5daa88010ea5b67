# SPDX-License-Identifier: Apache-2.0
"""Signals that ask this program to end."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from .errors import Interrupted

ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)


class Signals:
    """Raises Interrupted for the first signal, or keeps it for a loop that waits for `fd`.

    A signal that the caller had ignored stays so. Once Interrupted is raised, others are ignored:
    what it leads to is bounded, and must not be interrupted itself.
    """

    def __init__(self) -> None:
        self.pending: list[int] = []
        self.window_changed = False
        self._kept = False
        self._ends = False
        self.fd, self._writer = os.pipe()
        os.set_blocking(self.fd, False)
        os.set_blocking(self._writer, False)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in ENDING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._receive)
        signal.signal(signal.SIGWINCH, self._notice_window)
        # Wakes the loop: a child has ended.
        signal.signal(signal.SIGCHLD, lambda number, frame: None)

    def end(self, number: int) -> NoReturn:
        self._ends = True
        raise Interrupted(number)

    def _receive(self, number: int, frame: object) -> None:
        if self._ends:
            return
        if not self._kept:
            self.end(number)
        self.pending.append(number)

    def _notice_window(self, number: int, frame: object) -> None:
        self.window_changed = True

    @contextmanager
    def kept(self) -> Iterator[None]:
        self._kept = True
        try:
            yield
        finally:
            self._kept = False
            if self.pending and not self._ends:
                self.end(self.pending[0])

    def drain(self) -> None:
        try:
            while os.read(self.fd, 512):
                pass
        except BlockingIOError:
            pass
