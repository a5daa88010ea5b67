# SPDX-License-Identifier: Apache-2.0
"""Runs one command in one machine: carries its streams and signals, and says how it ended."""

from __future__ import annotations

import os
import re
import select
import sys
import time
from collections.abc import Callable

from .children import Children
from .errors import LabDied
from .machine import Machine, Wires
from .options import Options
from .protocol import CHUNK, take_lines
from .signals import Signals
from .streams import Inlet, Outlet
from .terminal import Terminal

# Interval at which the agent is asked for a sign of life and each CPU of the lab is interrupted
# from outside. The interrupts keep it running: when QEMU enters or leaves a nested guest, it may
# overwrite another thread's note that an interrupt is pending (interrupt_request in svm_helper.c).
# A CPU that has lost its timer's interrupt, or another CPU's, stands still until the next one.
PULSE_SECONDS = 0.5
# The command's time to act on a signal before the lab is taken down around it.
GRACE_SECONDS = 15.0
# Maximum time that the data disk may take at the end to write the data in memory.
FINISH_SECONDS = 600.0
# Maximum time between the last words of the machine's process and its end.
LAST_WORDS_SECONDS = 0.3
# Part of the kernel's console that is kept, and shown when the lab dies.
CONSOLE_BYTES = 65536
CONSOLE_LINES = 20

BOOT, PREPARATION, COMMAND, END = "boot", "preparation", "command", "end"


class Supervisor:
    """One try. `make_job` returns the job's fields; the streams may have served another try."""

    def __init__(
        self,
        machine: Machine,
        options: Options,
        make_job: Callable[[], bytes],
        signals: Signals,
        terminal: Terminal,
        inlet: Inlet,
        outlets: dict[str, Outlet],
        say: Callable[[str], None],
    ) -> None:
        self.machine = machine
        self.options = options
        self.make_job = make_job
        self.signals = signals
        self.terminal = terminal
        self.inlet = inlet
        self.outlets = outlets
        self.say = say
        self.children: Children
        self.wires: Wires
        self.phase = BOOT
        self.to_control = bytearray()
        self.from_control = bytearray()
        self.to_stdin = bytearray()
        self.console = bytearray()
        self.diagnostics = bytearray()
        self.status: int | None = None
        self.expected: dict[str, int] = {}
        self.complaint: str | None = None
        # When the command was last signalled, and with what.
        self.signalled: tuple[float, int] | None = None
        self.began = time.monotonic()
        self.silence = 0.0

    def run(self, environment: dict[bytes, bytes]) -> int:
        """Returns the command's status.

        Throws LabDied if the machine ends before it, Interrupted if a signal ends it all.
        """
        for outlet in self.outlets.values():
            outlet.seen = 0
        with Children(environment) as self.children:
            self.wires = self.machine.start(self.children)
            try:
                with self.signals.kept():
                    status = self._carry()
                    self.signals.pending.clear()
                return status
            finally:
                self.terminal.restore()
                self.children.stop()
                self._deliver_rest()
                self.wires.close()
                self.complaint = self.machine.complaint(self.console)

    # ---- the loop -------------------------------------------------------------------------

    def _carry(self) -> int:
        before = pulsed = self.began = time.monotonic()
        while True:
            now = time.monotonic()
            # Time that this machine slept is none of the lab's.
            self.silence += min(now - before, 1.0)
            before = now
            self._pass_signals_on(now)
            self._check_time(now)
            if self.phase != BOOT and now >= pulsed + PULSE_SECONDS:
                pulsed = now
                self._pulse()
            self._turn()
            if self.children.ended():
                self._explain_end()
            if self.status is not None and self.phase == COMMAND and self._is_drained():
                self._tell("done")
                self.phase = END
            for line in take_lines(self.from_control):
                if line == b"bye":
                    return self.status
                self._obey(line.decode(errors="replace"))

    def _turn(self) -> None:
        """Waits until something can move, and moves it."""
        control = self.wires.port["control"]
        stdin = self.wires.port["stdin"]
        poll = select.poll()
        for fd in (self.signals.fd, self.wires.console.fileno(), self.children.diagnostics):
            poll.register(fd, select.POLLIN)
        poll.register(control, select.POLLIN | (select.POLLOUT if self.to_control else 0))
        if self.to_stdin:
            poll.register(stdin, select.POLLOUT)
        if self.phase == COMMAND and self.inlet.is_open and len(self.to_stdin) < CHUNK:
            poll.register(0, select.POLLIN)
        for name, outlet in self.outlets.items():
            if outlet.has_room:
                poll.register(self.wires.port[name], select.POLLIN)
            if outlet.buffer:
                poll.register(outlet.fd, select.POLLOUT)
        ready = dict(poll.poll(PULSE_SECONDS * 1000))

        if self.signals.fd in ready:
            self.signals.drain()
        self._read_console()
        if control.fileno() in ready:
            if ready[control.fileno()] & select.POLLOUT:
                self._send(control, self.to_control)
            data = self._receive(control.fileno())
            if data:
                self.silence = 0.0
                self.from_control += data
        if stdin.fileno() in ready:
            self._send(stdin, self.to_stdin)
        if 0 in ready:
            self.to_stdin += self.inlet.read()
            if not self.inlet.is_open:
                self._tell(f"eof {self.inlet.moved}")
        for name, outlet in self.outlets.items():
            if self.wires.port[name].fileno() in ready:
                outlet.add(self._receive(self.wires.port[name].fileno()))
            if outlet.fd in ready:
                outlet.write()
                if not outlet.is_open:
                    self._tell(f"unread {outlet.fd}")

    def _pass_signals_on(self, now: float) -> None:
        while self.signals.pending:
            number = self.signals.pending.pop(0)
            if self.phase not in (COMMAND, END) or self.signalled:
                self.signals.end(number)
            self._tell(f"signal {number}")
            self.signalled = (now, number)
        if self.signalled and now > self.signalled[0] + GRACE_SECONDS:
            self.signals.end(self.signalled[1])
        if self.signals.window_changed and self.phase == COMMAND and self.terminal.streams:
            self.signals.window_changed = False
            self._tell("window {} {}".format(*self.terminal.window()))

    def _check_time(self, now: float) -> None:
        options = self.options
        spent = now - self.began
        if options.timeout and spent > options.timeout:
            began = self.phase in (COMMAND, END)
            self._die(f"the command did not end within {options.timeout} s", refused=not began)
        if self.phase in (BOOT, PREPARATION):
            if spent > self.machine.startup_seconds:
                self._die(f"the lab did not come up within {self.machine.startup_seconds:g} s")
            patience = self.machine.startup_silence
        else:
            patience = FINISH_SECONDS if self.phase == END else float(options.patience)
        if self.machine.is_watched and self.silence > patience:
            self._die(f"the lab froze: it has given no sign of life for {patience:g} s")

    def _pulse(self) -> None:
        for wire in self.wires.pulses:
            try:
                wire.send(b".")
            except OSError:
                pass
        if self.phase != PREPARATION and self.machine.is_watched and not self.to_control:
            self._tell("ping")

    def _is_drained(self) -> bool:
        return all(
            outlet.seen >= self.expected[name] and not outlet.buffer
            for name, outlet in self.outlets.items()
        )

    # ---- the agent ------------------------------------------------------------------------

    def _tell(self, line: str) -> None:
        self.to_control += line.encode() + b"\n"

    def _obey(self, line: str) -> None:
        match line.split():
            case ["ready"]:
                self.phase = PREPARATION
                self.to_control += self.make_job()
            case ["prepared"]:
                # The command may have effects from here on, so it is repeated only if asked for.
                self.phase = COMMAND
                self._tell("begin")
                if not self.inlet.is_open:
                    self._tell(f"eof {self.inlet.moved}")
                self.terminal.make_raw()
            case ["exit", status, stdout, stderr]:
                self.status = int(status)
                self.expected = {"stdout": int(stdout), "stderr": int(stderr)}
            case ["note", *words]:
                self.say(" ".join(words))
            case ["error", *words]:
                self._die("the lab could not be prepared: " + " ".join(words))

    @staticmethod
    def _receive(fd: int) -> bytes:
        try:
            return os.read(fd, CHUNK)
        except OSError:
            # The other end is gone, which its process's end explains.
            return b""

    @staticmethod
    def _send(wire, buffer: bytearray) -> None:
        try:
            del buffer[: wire.send(buffer[:CHUNK])]
        except OSError:
            pass

    # ---- the end --------------------------------------------------------------------------

    def _read_console(self) -> bool:
        came = False
        for fd, kept in (
            (self.wires.console.fileno(), self.console),
            (self.children.diagnostics, self.diagnostics),
        ):
            data = self._receive(fd)
            if data:
                came = True
                if self.options.verbose:
                    sys.stderr.buffer.write(data)
                    sys.stderr.buffer.flush()
                kept += data
                del kept[: max(0, len(kept) - CONSOLE_BYTES)]
        if came and self.phase in (BOOT, PREPARATION):
            self.silence = 0.0
        return came

    def _explain_end(self) -> None:
        """A process of the lab ended before the command: its servers follow the machine's own."""
        time.sleep(LAST_WORDS_SECONDS)
        while self._read_console():
            pass
        ended = self.children.ended()
        name = self.machine.name if self.machine.name in ended else next(iter(ended))
        status = ended[name]
        panic = re.search(rb"Kernel panic - not syncing: ([^\r\n]*)", self.console)
        if panic:
            self._die("the lab's kernel panicked: " + panic[1].decode(errors="replace"))
        how = f"status {status}" if status >= 0 else f"killed by signal {-status}"
        said = self.diagnostics.decode(errors="replace").split("\n")
        words = [line.strip() for line in said if line.strip()]
        if status > 0 and words and not self.console:
            self._die(f"{name} does not start: {words[-1]}", refused=True)
        self._die(f"{name} ended before the command did ({how})")

    def _die(self, reason: str, refused: bool = False) -> None:
        while self._read_console():
            pass
        text = (self.console + b"\n" + self.diagnostics).decode(errors="replace")
        lines = [line.rstrip() for line in text.split("\n") if line.strip()]
        raise LabDied(
            reason, self.phase, [] if refused else lines[-CONSOLE_LINES:], refused
        )

    def _deliver_rest(self) -> None:
        """Passes the output of a machine that is gone on to our readers."""
        for name, outlet in self.outlets.items():
            while data := self._receive(self.wires.port[name].fileno()):
                outlet.add(data)
            outlet.flush()
