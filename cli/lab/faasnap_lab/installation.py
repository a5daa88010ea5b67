# SPDX-License-Identifier: Apache-2.0
"""The files and programs of which a lab is made."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass

from .errors import LabFailure
from .initrd import PROGRAMS
from .options import Options

HERE = os.path.dirname(PROGRAMS)
QEMU = "qemu-system-x86_64"
# QEMU's own comes last: it needs root.
VIRTIOFSD = ("/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd", "/usr/lib/virtiofsd")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MIB = 1 << 20
DEFAULT_MEMORY = 10 << 30


def find_program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path=SYSTEM_PATH)


@dataclass
class Installation:
    """The lab's files, each with its whole path."""

    # The directory of the kernel, which also holds the data disk, the calibration and the log.
    directory: str
    kernel: str
    initrd: str
    modules: str
    tsc_khz_program: str
    qemu: str
    virtiofsd: str

    @property
    def virtiofsd_is_qemus(self) -> bool:
        return self.virtiofsd == "/usr/lib/qemu/virtiofsd"

    def tsc_khz(self) -> str:
        """Returns the frequency of the time stamp counter: QEMU's is this machine's."""
        return subprocess.run(
            [self.tsc_khz_program], stdout=subprocess.PIPE, text=True, check=True, env={}
        ).stdout.strip()

    def qemu_version(self) -> str:
        done = subprocess.run(
            [self.qemu, "--version"], stdout=subprocess.PIPE, text=True, check=True, env={}
        )
        return done.stdout.splitlines()[0]

    @staticmethod
    def disk_aio() -> str:
        """Returns QEMU's fastest way to a file that this kernel allows."""
        try:
            with open("/proc/sys/kernel/io_uring_disabled", encoding="ascii") as file:
                return "io_uring" if file.read().strip() == "0" else "native"
        except FileNotFoundError:
            return "io_uring"


def find_installation(options: Options) -> Installation:
    if os.uname().machine != "x86_64":
        raise LabFailure(f"the lab runs on x86-64 machines only, this is {os.uname().machine}")
    default = os.environ.get("FAASNAP_LAB_DIR") or os.path.join(HERE, "../../build/lab")
    kernel = options.kernel or os.path.join(default, "vmlinux")
    beside = os.path.dirname(kernel) or "."
    initrd = options.initrd or os.path.join(beside, "initrd")
    tsc_khz = os.path.join(beside, "tsc-khz")
    for file in (kernel, initrd, tsc_khz):
        if not os.access(file, os.R_OK):
            raise LabFailure(f"{file} is missing; run `./dev setup`, or set FAASNAP_LAB_DIR")
    newer = os.path.join(os.path.dirname(os.path.realpath(kernel)), "qemu/usr/bin", QEMU)
    qemu = newer if os.access(newer, os.X_OK) else find_program(QEMU)
    if not qemu:
        raise LabFailure(f"{QEMU} is missing (package qemu-system-x86)")
    virtiofsd = next((path for path in VIRTIOFSD if os.access(path, os.X_OK)), None)
    if not virtiofsd:
        raise LabFailure(
            "virtiofsd is missing (package virtiofsd, in Debian 12 part of qemu-system-common)"
        )
    installed = Installation(
        directory=os.path.realpath(beside),
        kernel=os.path.realpath(kernel),
        initrd=os.path.realpath(initrd),
        modules=os.path.join(os.path.dirname(os.path.realpath(kernel)), "modules"),
        tsc_khz_program=os.path.realpath(tsc_khz),
        qemu=qemu,
        virtiofsd=virtiofsd,
    )
    # It passes O_NOATIME on, which only the owner of a file may ask for.
    if installed.virtiofsd_is_qemus and os.geteuid() != 0:
        raise LabFailure("needs root here, as QEMU's own virtiofsd does; run it with sudo")
    return installed


def _memory_kib(name: str) -> int:
    with open("/proc/meminfo", encoding="ascii") as file:
        for line in file:
            if line.startswith(name + ":"):
                return int(line.split()[1])
    raise LabFailure(f"/proc/meminfo has no {name}")


def choose_memory(options: Options) -> int:
    """Returns the size of the lab's memory, which is taken as it is used."""
    if options.memory:
        total = _memory_kib("MemTotal") << 10
        if options.memory > total:
            raise LabFailure(
                f"--memory {options.memory // MIB}M: this machine has {total // MIB}M"
            )
        return options.memory
    available = _memory_kib("MemAvailable") << 10
    if available < 1 << 30:
        raise LabFailure(f"only {available // MIB} MiB of memory are free, the lab needs 1 GiB")
    return min(DEFAULT_MEMORY, available * 3 // 4) // MIB * MIB
