# SPDX-License-Identifier: Apache-2.0
"""The counted lab's machine: Bochs' Intel processor, whose clock counts instructions.

docs/guide/counted-lab.md describes it. Its programs are in cli/lab/counted.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from . import initrd, installation
from .boot_image import MIB, boot_image
from .children import Children
from .errors import LabFailure
from .installation import Installation
from .machine import Machine, Wires, pair, start_virtiofsd
from .options import Options
from .protocol import PORTS

# Bochs allocates no more.
MOST_MEMORY = 2048 * MIB
DEFAULT_DISK_SIZE = 1024 * MIB

# Without erms and fsrm kernels copy and clear eight bytes in a tick, and not one. Without
# aperfmperf they do not ask at each tick for registers that Bochs does not have. Nothing waits for
# a console, a watchdog or a second opinion on the clock.
KERNEL_ARGUMENTS = (
    "console=ttyS0,115200 panic=-1 oops=panic mitigations=off nokaslr norandmaps nowatchdog "
    "audit=0 apparmor=0 no_timer_check tsc=reliable hpet=disable random.trust_cpu=on "
    "cryptomgr.notests clearcpuid=erms,fsrm,aperfmperf"
)
TICKS_PER_SECOND = 250
# Initialisers that take long and that no command needs. The idle states of the first two would
# replace the lab's.
LEFT_OUT = (
    "intel_idle_init",
    "acpi_processor_driver_init",
    "jent_mod_init",
    "load_system_certificate_list",
    "init_kprobe_trace",
    "trace_eval_init",
)

CONFIGURATION = """\
display_library: term
plugin_ctrl: counted=1, unmapped=1, biosdev=1, speaker=0, extfpuirq=0, parallel=0, gameport=0
memory: guest={megabytes}, host={megabytes}
romimage: file={share}/BIOS-bochs-latest, options=fastboot
vgaromimage: file={share}/VGABIOS-lgpl-latest
optromimage1: file={rom}, address=0xd0000
vga: extension=none, update_freq=1
cpu: model=corei7_haswell_4770, count={cpus}, ips={ips}, reset_on_triple_fault=0
clock: sync=none, time0=1700000000
boot: disk
com1: enabled=1, mode=file, dev=/proc/self/fd/{console}
log: /dev/stderr
logprefix: %e%d
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
"""


@dataclass
class Bochs:
    """The files that make-counted-lab leaves."""

    directory: str

    @property
    def program(self) -> str:
        return os.path.join(self.directory, "bochs/usr/bin/bochs-bin")

    @property
    def share(self) -> str:
        return os.path.join(self.directory, "bochs/usr/share/bochs")

    @property
    def libraries(self) -> str:
        return os.path.join(self.directory, "bochs/usr/lib/x86_64-linux-gnu")

    @property
    def plugins(self) -> str:
        return os.path.join(self.libraries, "bochs/plugins")

    @property
    def rom(self) -> str:
        return os.path.join(self.directory, "boot.rom")

    @property
    def initrd(self) -> str:
        return os.path.join(self.directory, "initrd")


def find_bochs(directory: str) -> Bochs:
    bochs = Bochs(os.path.join(directory, "counted"))
    for file in (bochs.program, bochs.rom, bochs.initrd):
        if not os.access(file, os.R_OK):
            raise LabFailure(f"{file} is missing; run `./dev lab --counted true` to have it made")
    return bochs


def choose_memory(options: Options) -> int:
    if options.memory > MOST_MEMORY:
        raise LabFailure(
            f"--memory {options.memory // MIB}M: Bochs has {MOST_MEMORY // MIB}M at most"
        )
    size = installation.choose_memory(options)
    # Never less unasked: what a command measures may depend on it.
    if not options.memory and size < MOST_MEMORY:
        raise LabFailure(
            f"too little memory is free: the counted lab takes up to {MOST_MEMORY // MIB}M, and "
            f"three quarters of what is free are {size // MIB}M; --memory asks for less"
        )
    return min(size, MOST_MEMORY)


class CountedMachine(Machine):
    name = "Bochs"
    # The machine stands still while it waits for the host, and is silent while it counts.
    startup_silence = 600.0
    startup_seconds = 600.0
    is_watched = False
    # Every run is the same, so a start that fails once fails always.
    starts = 1
    environment = {b"FAASNAP_LAB_COUNTED": b"1"}

    def __init__(self, options: Options, installed: Installation, bochs: Bochs,
                 disk: dict) -> None:
        """`disk` has the figures of the data disk, unless that is as fast as it is."""
        self.options = options
        self.installed = installed
        self.bochs = bochs
        self.disk = disk

    def job(self) -> list[tuple[str, bytes]]:
        fields = [("modules", os.fsencode(self.installed.modules))]
        if self.options.disk != "none":
            fields += [("disk", b"/dev/paced0"), ("format", b"1")]
        return fields

    def start(self, children: Children) -> Wires:
        pairs = {name: pair() for name in PORTS}
        console, console_writer = os.pipe()
        os.set_blocking(console, False)
        image = self._boot_image()
        files = start_virtiofsd(self.installed, children)
        configuration = os.memfd_create("bochsrc")
        commands = os.memfd_create("commands")
        os.write(commands, b"continue\n")
        os.write(configuration, self._configuration(console_writer).encode())
        settings = {
            "COUNTED_MEMORY": self.options.memory // MIB,
            "COUNTED_IMAGE": image,
            "COUNTED_FILES": files.fileno(),
        }
        settings |= {f"COUNTED_{name.upper()}": pairs[name][1].fileno() for name in PORTS}
        environment = {name: str(value) for name, value in settings.items()} | {
            "LD_LIBRARY_PATH": self.bochs.libraries,
            "LTDL_LIBRARY_PATH": self.bochs.plugins,
            "TERM": "dumb",
        }
        keep = [image, configuration, commands, console_writer, files.fileno(),
                *(theirs.fileno() for _, theirs in pairs.values())]
        children.start(
            self.name,
            ["env", *(f"{name}={value}" for name, value in environment.items()),
             self.bochs.program, "-q", "-f", f"/proc/self/fd/{configuration}",
             "-rc", f"/proc/self/fd/{commands}"],
            keep,
        )
        for fd in (image, configuration, commands, console_writer):
            os.close(fd)
        files.close()
        for _, theirs in pairs.values():
            theirs.close()
        return Wires(
            {name: ours for name, (ours, _) in pairs.items()},
            os.fdopen(console, "rb", buffering=0),
        )

    def _disk_arguments(self) -> str:
        if self.options.disk == "none":
            return ""
        figures = {"size": self.options.disk_size or DEFAULT_DISK_SIZE}
        for name in ("latency_ns", "bytes_per_second", "requests_per_second"):
            if name in self.disk:
                figures[name] = self.disk[name]
        return "".join(f" paced_disk.{name}={value:.0f}" for name, value in figures.items())

    def _boot_image(self) -> int:
        """Returns a descriptor of what memory holds when the kernel starts."""
        arguments = (
            f"{KERNEL_ARGUMENTS} initcall_blacklist={','.join(LEFT_OUT)} "
            f"tsc_early_khz={self.options.ips // 1000} "
            f"lpj={self.options.ips // TICKS_PER_SECOND} "
            f"loglevel={5 if self.options.verbose else 3}{self._disk_arguments()}"
        )
        with open(self.installed.kernel, "rb") as file:
            kernel = file.read()
        archive = initrd.make(self.bochs.initrd)
        with open(archive, "rb") as file:
            file.seek(0)
            content = file.read()
        image = os.memfd_create("boot image")
        with open(image, "wb", closefd=False) as file:
            file.write(boot_image(kernel, content, arguments, self.options.memory))
        return image

    def _configuration(self, console: int) -> str:
        return CONFIGURATION.format(
            megabytes=self.options.memory // MIB,
            share=self.bochs.share,
            rom=self.bochs.rom,
            cpus=self.options.cpus,
            ips=self.options.ips,
            console=console,
        )
