# SPDX-License-Identifier: Apache-2.0
"""Runs the command line and returns the command's status; starts a lab that died again."""

from __future__ import annotations

import json
import os
import shutil
import time

from . import counted
from .calibration import DiskProfile, calibration_for
from .children import raise_file_limit
from .disk import take_disk
from .environment import caller_environment, selected
from .errors import Interrupted, LabDied, LabFailure, UsageError
from .installation import Installation, choose_memory, find_installation
from .machine import DataDisk, Machine, QemuMachine
from .options import HELP, Options, parse
from .protocol import encode_job
from .signals import Signals
from .streams import Inlet, Outlet
from .supervisor import BOOT, PREPARATION, Supervisor
from .terminal import Terminal

USAGE_STATUS = 2
NOT_FOUND_STATUS = 127
DISK_SIZE = 40 << 30


def say(text: str) -> None:
    """Writes one line at once, whatever the caller's locale is."""
    line = f"faasnap-lab: {text}\n".encode(errors="surrogateescape")
    try:
        os.write(2, line)
    except OSError:
        pass


def open_standard_streams() -> None:
    """A stream that the caller closed must not become another file's number."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def writable_directories(options: Options) -> list[bytes]:
    for directory in options.writable:
        if not os.path.isdir(directory):
            raise LabFailure(f"--writable {directory}: not a directory")
        if not os.access(directory, os.W_OK):
            raise LabFailure(f"--writable {directory}: not writable")
    return [os.fsencode(os.path.realpath(directory)) for directory in options.writable]


class RestartLog:
    """restarts.log in the lab directory: one line for each machine that had to be started again."""

    def __init__(self, directory: str) -> None:
        self.path = os.path.join(directory, "restarts.log")

    def add(self, death: LabDied) -> None:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        line = f"{now} {death.phase}: {death}\n".encode(errors="replace")
        try:
            fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError:
            # A lab whose directory cannot be written to works as well.
            return
        try:
            os.write(fd, line)
        except OSError:
            pass
        finally:
            os.close(fd)


class Lab:
    """One command, and as many machines as it takes."""

    def __init__(self, options: Options, machine: Machine, log: RestartLog, signals: Signals,
                 calibration: dict | None) -> None:
        self.options = options
        self.machine = machine
        self.log = log
        self.signals = signals
        self.terminal = Terminal()
        self.inlet = Inlet()
        self.outlets = {"stdout": Outlet(1), "stderr": Outlet(2)}
        self.writable = writable_directories(options)
        try:
            self.directory = os.getcwdb()
        except OSError as error:
            raise LabFailure(f"the current directory: {error.strerror}") from error
        self.environment = selected(caller_environment(), options.env)
        self.environment.pop(b"FAASNAP_LAB_CALIBRATION", None)
        if calibration:
            self.environment[b"FAASNAP_LAB_CALIBRATION"] = json.dumps(calibration).encode()

    def run(self) -> int:
        tries = starts = 1
        before = ""
        while True:
            supervisor = self._supervisor(tries)
            try:
                status = supervisor.run(self.environment)
                # Data that the disk did not take may be lost unnoticed by the command.
                if supervisor.complaint and status == 0:
                    status = self.options.failure_status
                return status
            except LabDied as death:
                if death.phase in (BOOT, PREPARATION):
                    # A preparation that fails twice for the same reason will always fail.
                    again = death.phase == PREPARATION and str(death) == before
                    if death.refused or again or starts == self.machine.starts:
                        raise
                    before = str(death)
                    starts += 1
                    self.log.add(death)
                    continue
                if tries == self.options.tries or supervisor.signalled:
                    raise
                if self.inlet.moved and not self.terminal.streams:
                    raise LabDied(f"{death}; the command cannot be repeated, since it has read "
                                  "its standard input", death.phase, death.console) from death
                tries += 1
                starts = 1
                self.log.add(death)
                say(f"the lab died ({death}); starts it again, "
                    f"try {tries} of {self.options.tries}")
            finally:
                if supervisor.complaint:
                    say(supervisor.complaint)

    def _supervisor(self, number: int) -> Supervisor:
        return Supervisor(
            self.machine, self.options, lambda: encode_job(self._job(number)),
            self.signals, self.terminal, self.inlet, self.outlets, say,
        )

    def _job(self, number: int) -> list[tuple[str, bytes]]:
        environment = dict(self.environment)
        environment[b"FAASNAP_IN_LAB"] = b"1"
        environment[b"FAASNAP_LAB_TRY"] = b"%d" % number
        environment |= self.machine.environment
        fields = [("cwd", self.directory), ("time", b"%.3f" % time.time())]
        fields += self.machine.job()
        if self.terminal.streams:
            fields.append(("tty", self.terminal.streams.encode()))
            fields.append(("window", b"%d %d" % self.terminal.window()))
        fields += [("writable", directory) for directory in self.writable]
        if environment.get(b"TMPDIR", b"").startswith(b"/"):
            # The caller's is not visible if it lies below /tmp.
            fields.append(("directory", environment[b"TMPDIR"]))
        fields += [("env", name + b"=" + value) for name, value in environment.items()]
        fields += [("arg", word) for word in self.options.command]
        return fields


def qemu_machine(options: Options, installed: Installation,
                 say) -> tuple[Machine, dict | None]:
    """Returns the machine, and the calibration that its command learns of."""
    options.memory = choose_memory(options)
    profile = DiskProfile(options.disk_profile) if options.disk_profile else None
    disk = None
    if options.disk != "none":
        path = options.disk or os.path.join(installed.directory, "data.raw")
        disk = DataDisk(os.path.realpath(path), take_disk(path, options.disk_size or DISK_SIZE))
    calibration = calibration_for(options, installed, say)
    if profile and disk and calibration:
        disk.server = profile.server(disk.path, calibration["dilation"])
        calibration["disk"] = profile.figures(calibration["dilation"])
    return QemuMachine(options, installed, disk), calibration


def counted_machine(options: Options, installed: Installation,
                    say) -> tuple[Machine, dict | None]:
    """Returns the machine, and what its command learns of it in the place of a calibration."""
    options.memory = counted.choose_memory(options)
    calibration: dict = {"dilation": 1.0, "ips": options.ips}
    if options.disk_profile:
        calibration["disk"] = DiskProfile(options.disk_profile).figures(1.0)
    bochs = counted.find_bochs(installed.directory)
    if os.isatty(2):
        say("starts the counted lab, which takes about half a minute")
    disk = calibration.get("disk", {})
    return counted.CountedMachine(options, installed, bochs, disk), calibration


def is_missing(options: Options) -> bool:
    """True if the command is a program that is not there; the lab would find out in a minute."""
    path = selected(caller_environment(), options.env)[b"PATH"]
    return shutil.which(options.command[0], path=path) is None


def run(options: Options, signals: Signals) -> int:
    if options.help:
        print(HELP, end="")
        return 0
    raise_file_limit()
    if options.counted and is_missing(options):
        say(f"{os.fsdecode(options.command[0])}: not found")
        return NOT_FOUND_STATUS
    installed = find_installation(options)
    make_machine = counted_machine if options.counted else qemu_machine
    machine, calibration = make_machine(options, installed, say)
    if options.calibrate:
        print(json.dumps(calibration, indent=2))
        return 0
    lab = Lab(options, machine, RestartLog(installed.directory), signals, calibration)
    status = lab.run()
    for name, outlet in lab.outlets.items():
        if outlet.error:
            raise LabFailure(f"{name}: {outlet.error.strerror}")
    return status


def main(arguments: list[str]) -> int:
    open_standard_streams()
    signals = Signals()
    options = Options()
    try:
        options = parse(arguments)
        return run(options, signals)
    except UsageError as error:
        say(str(error))
        os.write(2, b"Try: faasnap-lab --help\n")
        return USAGE_STATUS
    except Interrupted as interrupt:
        return 128 + interrupt.number
    except LabDied as death:
        say(str(death))
        if not options.verbose:
            for line in death.console:
                os.write(2, f"  | {line}\n".encode(errors="replace"))
        return options.failure_status
    except LabFailure as failure:
        say(str(failure))
        return options.failure_status
    except OSError as error:
        say(f"{error.filename or 'this machine'}: {error.strerror}")
        return options.failure_status
