# SPDX-License-Identifier: Apache-2.0
"""The command line of faasnap-lab."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from .errors import UsageError

HELP = """\
usage: faasnap-lab [OPTION]... -- COMMAND [ARGUMENT]...
       faasnap-lab [OPTION]... --calibrate

Runs COMMAND in the lab: an emulated machine with a working /dev/kvm that sees this machine's
files. The command gets the caller's directory, arguments and streams (a terminal when used from
one), and of the environment what docs/guide/lab.md lists; its exit status is this program's. What
it writes vanishes with the lab, except on the data disk (/data) and below --writable directories.

  --kernel FILE      kernel of the lab            (default: vmlinux in the lab directory)
  --initrd FILE      its initrd                   (default: initrd beside the kernel)
  --memory SIZE      memory, in M or G            (default: 10G, or 3/4 of what is free)
  --cpus N           virtual CPUs, 1 to 16        (default: 1)
  --accept-crashes   allows more CPUs than one, with which QEMU's emulation now and then kills the
                     lab or a guest in it
  --disk FILE        data disk, made on first use (default: data.raw beside the kernel);
                     one lab at a time can use it; `none` runs without /data
  --disk-size SIZE   its size when it is made     (default: 40G, sparse)
  --disk-profile P   the data disk is to the lab's processor what a disk of this kind is to a real
                     one: nvme, ssd or ebs        (default: as fast as it is)
  --calibrate        measures how much slower than the machine's the lab's processor is, writes
                     that to calibration.json beside the kernel, and prints it
  --calibrated       the same before COMMAND, unless it is known; --disk-profile implies it
  --writable DIR     DIR is this machine's own in the lab, for reading and writing; repeatable
  --env NAME[=VALUE] passes on a variable that would stay outside, or sets one; repeatable
  --tries N          COMMAND can be repeated from its start: a lab that dies after it began is
                     started again, up to N tries in all (default: 1)
  --failure-status N the exit status when the lab failed and not the command (default: 1)
  --timeout SECONDS  gives up a try after this time (default: never)
  --patience SECONDS gives up when the lab has shown no sign of life for this long (default: 120)
  --counted          the lab whose clock counts instructions, on an Intel processor that Bochs
                     emulates; docs/guide/counted-lab.md. Several CPUs are fine in it. It has 2G of
                     memory, its data disk (1G) included, which is made anew for each command
  --ips N            instructions that each CPU of it executes in a second (default: 2000000000)
  -v, --verbose      shows the lab's kernel console
  -h, --help         shows this text

The lab directory is $FAASNAP_LAB_DIR, or build/lab in a source tree; `./dev setup` fills it. A lab
that dies before COMMAND began is started again without a word; restarts.log there has the reason.
Status: the command's own, 128+N when signal N ended it, 1 when the lab failed, 2 for wrong usage.

example: faasnap-lab --memory 4G --writable results -- ./run-tests --output results
"""

SIZE_UNITS = {"M": 1 << 20, "G": 1 << 30}
# Less does not hold the kernel, its initrd and what the agent needs.
LEAST_MEMORY = 256 << 20
# mkfs.xfs makes no smaller one.
LEAST_XFS = 300 << 20


@dataclass
class Options:
    """The command line's options. Sizes are in bytes, times in seconds; 0 means no limit."""

    kernel: str = ""
    initrd: str = ""
    memory: int = 0
    cpus: int = 1
    accept_crashes: bool = False
    disk: str = ""
    disk_size: int = 0
    disk_profile: str = ""
    calibrate: bool = False
    calibrated: bool = False
    writable: list[str] = field(default_factory=list)
    env: list[bytes] = field(default_factory=list)
    tries: int = 1
    failure_status: int = 1
    timeout: int = 0
    patience: int = 120
    counted: bool = False
    ips: int = 2_000_000_000
    verbose: bool = False
    help: bool = False
    command: list[bytes] = field(default_factory=list)


def _size(name: str, text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,5}[MG]", text, re.ASCII):
        raise UsageError(f"{name} {text}: a number with M or G is expected")
    return int(text[:-1]) * SIZE_UNITS[text[-1]]


def _memory(name: str, text: str) -> int:
    size = _size(name, text)
    if size < LEAST_MEMORY:
        raise UsageError(f"{name} {text}: the lab needs {LEAST_MEMORY >> 20}M or more")
    return size


def _number(least: int, most: int) -> Callable[[str, str], int]:
    def parse(name: str, text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,10}", text, re.ASCII) or not least <= int(text) <= most:
            raise UsageError(f"{name} {text}: a number from {least} to {most} is expected")
        return int(text)

    return parse


def _text(name: str, text: str) -> str:
    return text


def _variable(name: str, text: str) -> bytes:
    if text.startswith("="):
        raise UsageError(f"{name} {text}: NAME or NAME=VALUE is expected")
    return os.fsencode(text)


VALUES: dict[str, Callable] = {
    "--kernel": _text,
    "--initrd": _text,
    "--memory": _memory,
    "--cpus": _number(1, 16),
    "--disk": _text,
    "--disk-size": _size,
    "--disk-profile": _text,
    "--writable": _text,
    "--env": _variable,
    "--tries": _number(1, 100),
    "--failure-status": _number(1, 255),
    "--timeout": _number(0, 9999999),
    "--patience": _number(1, 9999999),
    "--ips": _number(100_000_000, 4_000_000_000),
}
FLAGS = ("--accept-crashes", "--calibrate", "--calibrated", "--counted", "--verbose", "--help")
SHORT = {"-v": "--verbose", "-h": "--help"}


def parse(arguments: list[str]) -> Options:
    """Returns the options; throws UsageError if they do not fit together."""
    options = Options()
    rest = list(arguments)
    while rest and rest[0] != "--":
        name, equals, value = rest.pop(0).partition("=")
        name = SHORT.get(name, name)
        attribute = name.removeprefix("--").replace("-", "_")
        if name in FLAGS and not equals:
            setattr(options, attribute, True)
        elif name in VALUES:
            if not equals:
                value = rest.pop(0) if rest else ""
            if not value:
                raise UsageError(f"{name} needs a value")
            parsed = VALUES[name](name, value)
            if isinstance(getattr(options, attribute), list):
                getattr(options, attribute).append(parsed)
            else:
                setattr(options, attribute, parsed)
        elif name.startswith("-"):
            raise UsageError(f"unknown option {name}")
        else:
            raise UsageError("put -- before the command")
    options.command = [os.fsencode(word) for word in rest[1:]]
    if not options.help:
        _check(options)
    return options


def _check(options: Options) -> None:
    if options.calibrate:
        if options.command:
            raise UsageError("--calibrate takes no command; --calibrated does")
        options.disk = "none"
    elif not options.command:
        raise UsageError("a command is missing")
    if options.counted:
        _check_counted(options)
    if options.cpus > 1 and not options.accept_crashes and not options.counted:
        raise UsageError(
            f"--cpus {options.cpus} needs --accept-crashes: with several CPUs QEMU's emulation now "
            "and then kills the lab or a guest in it"
        )
    if options.disk_profile and options.disk == "none":
        raise UsageError("--disk-profile needs a data disk")


def _check_counted(options: Options) -> None:
    if options.calibrate:
        raise UsageError("--calibrate measures the other lab; the counted one needs no calibration")
    if options.disk not in ("", "none"):
        raise UsageError(
            f"--disk {options.disk}: the counted lab's disk is in its memory; `none` is expected"
        )
    if 0 < options.disk_size < LEAST_XFS:
        raise UsageError(
            f"--disk-size {options.disk_size >> 20}M: an XFS takes {LEAST_XFS >> 20}M or more"
        )
