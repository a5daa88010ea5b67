# SPDX-License-Identifier: Apache-2.0
"""The machine that a lab is: what the supervisor needs of it, and the one that QEMU emulates."""

from __future__ import annotations

import os
import socket
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import BinaryIO

from . import initrd
from .children import Children
from .disk import NO_SPACE, is_full
from .installation import Installation
from .options import Options
from .protocol import PORTS

CONSOLE_ARGUMENTS = (
    "console=ttyS0 panic=-1 oops=panic mitigations=off nokaslr nowatchdog audit=0 apparmor=0 "
    "no_timer_check tsc=reliable random.trust_cpu=on cryptomgr.notests"
)

# Without cx16: QEMU 7.2 leaves wrong flags behind cmpxchg16b, which kernels use in their allocators
# as soon as it is offered. Without monitor: QEMU runs mwait as a busy loop, and an idle CPU would
# take time from the busy one. Without erms and fsrm: they make kernels copy and clear byte by byte,
# each byte a loop of its own when emulated. Without smap, pku, mpx and la57: they only cost here,
# flushing or deepening the emulated page tables. Without xsave and what needs it: QEMU 7.2 runs a
# nested guest's xsetbv unseen by KVM, which then puts XCR0 back at each entry, and the guest's
# vector registers would be lost.
CPU = (
    "max,+svm,-cx16,-monitor,-erms,-fsrm,-smap,-pku,-mpx,-la57"
    ",-xsave,-xsaveopt,-xsavec,-xsaves,-avx,-avx2,-fma,-f16c"
)


@dataclass
class Wires:
    """The supervisor's ends of what leads into a machine; all are non-blocking."""

    # By the names of the protocol: control, stdin, stdout, stderr.
    port: dict[str, socket.socket]
    # The text of the kernel's console.
    console: socket.socket | BinaryIO
    # A byte to one of these interrupts the CPU of its number.
    pulses: list[socket.socket] = field(default_factory=list)

    def close(self) -> None:
        for wire in (*self.port.values(), self.console, *self.pulses):
            wire.close()


class Machine(ABC):
    """One kind of lab. Each start makes a new machine of it."""

    # The process whose end is the machine's end.
    name: str
    # Maximum time that the machine may be silent, and may take, before the command begins.
    startup_silence: float
    startup_seconds: float
    # True if the agent is asked for a sign of life, and the command given up without one.
    is_watched: bool
    # Maximum number of machines that are started until one comes up.
    starts: int
    # Additional environment of the command.
    environment: dict[bytes, bytes]

    @abstractmethod
    def start(self, children: Children) -> Wires:
        """Starts the machine's processes. They hold the other ends of the wires."""

    def complaint(self, console: bytes) -> str | None:
        """Returns what the console says that concerns this machine's files, as a line."""
        return None

    @abstractmethod
    def job(self) -> list[tuple[str, bytes]]:
        """Returns what the agent must know of this machine: fields of the job."""


def pair() -> tuple[socket.socket, socket.socket]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    return ours, theirs


def start_virtiofsd(installed: Installation, children: Children) -> socket.socket:
    """Returns the connection for the machine.

    virtiofsd wants to accept its peer; the peer is connected here and handed on, so the
    address is needed for a moment only.
    """
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"\0faasnap-lab-{os.getpid()}-{os.urandom(8).hex()}")
    listener.listen(1)
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(listener.getsockname())
    arguments = [installed.virtiofsd, f"--fd={listener.fileno()}"]
    if installed.virtiofsd_is_qemus:
        arguments += ["-f", "-o", "source=/", "-o", "cache=always", "-o", "sandbox=chroot",
                      "-o", "log_level=err"]
    else:
        arguments += ["--shared-dir=/", "--cache=always", "--sandbox=chroot",
                      "--log-level=error"]
    if os.geteuid() != 0:
        # Without privileges a user namespace serves the files, in which the caller is root.
        arguments = ["unshare", "--user", "--map-root-user", *arguments]
    children.start("virtiofsd", arguments, [listener.fileno()])
    listener.close()
    return peer


@dataclass
class DataDisk:
    """The disk that a QEMU machine has as /data."""

    path: str
    # Held as long as this process and QEMU live: another lab must not use the disk.
    lock: int
    # The command that serves the disk, if that has a profile; it gets its socket as an argument.
    server: list[str] = field(default_factory=list)


class QemuMachine(Machine):
    """QEMU's microvm without acceleration, on a processor with AMD's virtualization."""

    name = "QEMU"
    # With 15 processes on two cores a lab comes up in 20 s and is silent for 10 of them.
    startup_silence = 45.0
    startup_seconds = 300.0
    is_watched = True
    starts = 5
    environment: dict[bytes, bytes] = {}

    def __init__(self, options: Options, installed: Installation, disk: DataDisk | None) -> None:
        self.options = options
        self.installed = installed
        self.disk = disk

    def job(self) -> list[tuple[str, bytes]]:
        fields = [("modules", os.fsencode(self.installed.modules))]
        if self.disk:
            fields.append(("disk", b"/dev/vda"))
        return fields

    def complaint(self, console: bytes) -> str | None:
        if not self.disk or b"error, dev vda" not in console:
            return None
        why = f": {NO_SPACE}" if is_full(self.disk.path) else ""
        return f"the data disk {self.disk.path} had errors{why}"

    def start(self, children: Children) -> Wires:
        pairs = {name: pair() for name in ("console", *PORTS)}
        pulses = [pair() for _ in range(self.options.cpus)]
        image = initrd.make(self.installed.initrd)
        files = start_virtiofsd(self.installed, children)
        paced = self._start_disk_server(children) if self.disk and self.disk.server else None
        theirs = {name: pair[1] for name, pair in pairs.items()}
        theirs |= {f"pulse{cpu}": pair[1] for cpu, pair in enumerate(pulses)}
        keep = [files.fileno(), image, *(wire.fileno() for wire in theirs.values())]
        if self.disk:
            keep.append(self.disk.lock)
        if paced:
            keep.append(paced.fileno())
        children.start(self.name, self._arguments(image, files, paced, theirs), keep)
        for held in (files, paced, *theirs.values()):
            if held:
                held.close()
        os.close(image)
        return Wires(
            {name: pairs[name][0] for name in PORTS},
            pairs["console"][0],
            [ours for ours, _ in pulses],
        )

    def _start_disk_server(self, children: Children) -> socket.socket:
        theirs, peer = socket.socketpair()
        arguments = [*self.disk.server, "--socket", str(theirs.fileno())]
        children.start("faasnap-paced-disk", arguments, [theirs.fileno()])
        theirs.close()
        return peer

    def _arguments(
        self,
        image: int,
        files: socket.socket,
        paced: socket.socket | None,
        wires: dict[str, socket.socket],
    ) -> list[str]:
        memory = f"{self.options.memory >> 20}M"
        kernel_arguments = (
            f"{CONSOLE_ARGUMENTS} tsc_early_khz={self.installed.tsc_khz()} "
            f"loglevel={7 if self.options.verbose else 5}"
        )
        arguments = [
            self.installed.qemu,
            "-no-user-config", "-nodefaults", "-display", "none", "-no-reboot",
            "-M", "microvm,acpi=on,pit=on,pic=on,rtc=on,memory-backend=mem,auto-kernel-cmdline=off",
            "-global", "virtio-mmio.force-legacy=false",
            "-cpu", CPU,
            "-accel", "tcg,thread=multi,tb-size=512",
            "-smp", str(self.options.cpus),
            "-m", memory,
            "-object", f"memory-backend-memfd,id=mem,size={memory},share=on",
            "-kernel", self.installed.kernel,
            "-initrd", f"/proc/self/fd/{image}",
            "-append", kernel_arguments,
            "-chardev", f"socket,id=console,fd={wires['console'].fileno()}",
            "-serial", "chardev:console",
            "-chardev", f"socket,id=fs,fd={files.fileno()}",
            "-device", "vhost-user-fs-device,chardev=fs,tag=root,queue-size=1024",
            "-device", "virtio-rng-device",
            "-device", "virtio-serial-device,id=ports,max_ports=8",
        ]
        for number, name in enumerate(PORTS, start=1):
            arguments += self._port_arguments(name, wires[name], "ports", number)
        # A device of its own for each CPU, which the agent has interrupt that one.
        for cpu in range(self.options.cpus):
            name = f"pulse{cpu}"
            arguments += ["-device", f"virtio-serial-device,id=bus-{name},max_ports=2"]
            arguments += self._port_arguments(name, wires[name], f"bus-{name}", 1)
        return arguments + self._disk_arguments(paced)

    @staticmethod
    def _port_arguments(name: str, wire: socket.socket, bus: str, number: int) -> list[str]:
        return [
            "-chardev", f"socket,id={name},fd={wire.fileno()}",
            "-device",
            f"virtserialport,bus={bus}.0,chardev={name},name=faasnap.{name},nr={number}",
        ]

    def _disk_arguments(self, paced: socket.socket | None) -> list[str]:
        if not self.disk:
            return []
        if paced:
            backend = f"file.driver=nbd,file.server.type=fd,file.server.str={paced.fileno()}"
        else:
            path = self.disk.path.replace(",", ",,")
            backend = f"cache=none,aio={self.installed.disk_aio()},file={path}"
        # A full file system is the command's error, not a machine that stands still.
        return [
            "-drive", f"if=none,id=data,format=raw,discard=unmap,werror=report,{backend}",
            "-device", "virtio-blk-device,drive=data",
        ]
