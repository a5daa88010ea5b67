# SPDX-License-Identifier: Apache-2.0
"""Measures how much slower the lab's processor is; describes a disk in proportion to that."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile

from .children import die_with_parent
from .errors import LabFailure, UsageError
from .installation import HERE, Installation
from .options import Options

WORK = os.path.join(HERE, "cpu_work.py")
PROGRAM = os.path.join(HERE, "faasnap-lab")
PACED_DISK = "faasnap-paced-disk"
TIMEOUT_SECONDS = 300


class Calibration:
    """The calibration of one installation: calibration.json in the lab directory."""

    def __init__(self, installed: Installation) -> None:
        self.installed = installed
        self.path = os.path.join(installed.directory, "calibration.json")

    def _subject(self) -> dict:
        """Returns what a calibration holds for."""
        return {
            "cpu": _cpu_model(),
            "qemu": self.installed.qemu_version(),
            "work": _checksum(WORK),
        }

    def known(self) -> dict | None:
        """Returns the calibration if there is one that holds for this machine."""
        try:
            with open(self.path, encoding="utf-8") as file:
                fields = json.load(file)
        except (OSError, ValueError):
            return None
        if not isinstance(fields, dict):
            return None
        holds = all(fields.get(name) == value for name, value in self._subject().items())
        return fields if holds else None

    def measure(self) -> dict:
        """Does the work outside the lab and in it, where it has the one processor for itself."""
        work = [sys.executable, "-I", WORK]
        native = _work_ns(work)
        lab = _work_ns([
            PROGRAM, "--memory", "1G", "--disk", "none", "--timeout", str(TIMEOUT_SECONDS),
            "--kernel", self.installed.kernel, "--initrd", self.installed.initrd, "--", *work,
        ])
        # Once more, in case that something else was at work before.
        native = min(native, _work_ns(work))
        fields = {"dilation": round(lab / native, 1), "native_ns": native, "lab_ns": lab}
        fields |= self._subject()
        self._write(fields)
        return fields

    def _write(self, fields: dict) -> None:
        try:
            with tempfile.NamedTemporaryFile(
                "w", dir=self.installed.directory, prefix=".calibration.", delete=False
            ) as file:
                try:
                    json.dump(fields, file, indent=2)
                    file.write("\n")
                    file.flush()
                    os.fchmod(file.fileno(), 0o644)
                    os.rename(file.name, self.path)
                except BaseException:
                    os.unlink(file.name)
                    raise
        except OSError as error:
            raise LabFailure(f"{self.path}: cannot be written: {error.strerror}") from error


def _cpu_model() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return ""


def _checksum(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()[:16]


def _work_ns(command: list[str]) -> int:
    """Returns what the command prints. Nothing in its environment steers it."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env={},
        preexec_fn=die_with_parent(),
    )
    if done.returncode != 0 or not done.stdout.strip().isdigit() or int(done.stdout) == 0:
        raise LabFailure("the lab could not be calibrated")
    return int(done.stdout)


class DiskProfile:
    """A kind of disk, which faasnap-paced-disk imitates for the lab's processor."""

    def __init__(self, name: str) -> None:
        self.name = name
        beside = (HERE, os.path.join(HERE, "../../build/release/bin"))
        programs = (os.path.join(directory, PACED_DISK) for directory in beside)
        found = next((program for program in programs if os.access(program, os.X_OK)), None)
        if not found:
            raise LabFailure(
                f"--disk-profile needs {PACED_DISK}, which is not built; run `./dev build`"
            )
        self.program = os.path.realpath(found)
        self._describe()

    def _describe(self, *arguments: str) -> dict:
        done = subprocess.run(
            [self.program, "--profile", self.name, *arguments, "--describe"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={},
        )
        if done.returncode != 0:
            raise UsageError(done.stderr.strip().removeprefix(f"{PACED_DISK}: "))
        return json.loads(done.stdout)

    def figures(self, dilation: float) -> dict:
        return self._describe("--dilation", str(dilation))

    def server(self, disk: str, dilation: float) -> list[str]:
        return [self.program, "--file", disk, "--profile", self.name, "--dilation", str(dilation)]


def calibration_for(options: Options, installed: Installation, say) -> dict | None:
    """Returns the calibration that is known, or that the options ask for."""
    calibration = Calibration(installed)
    if options.calibrate:
        return calibration.measure()
    known = calibration.known()
    if known is None and (options.calibrated or options.disk_profile):
        say("calibrates the lab, once")
        known = calibration.measure()
    return known
