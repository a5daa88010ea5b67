# SPDX-License-Identifier: Apache-2.0
"""The data disk, its profile, and the calibration."""

import fcntl
import json
import os
import signal
import time
from pathlib import Path

from harness import Lab, expect, expect_in, it

# A mount namespace of the lab's own with a small file system: nothing of it is left behind.
SMALL = 'mount -t tmpfs -o size="$1" small "$2" && shift 2 && exec "$@"'


def on_small_disk(lab: Lab, size: str, script: str):
    directory = lab.work / "small"
    directory.mkdir()
    return lab.run("--disk-size", "1G", "--", "sh", "-c", script, disk=directory / "disk",
                   wrapper=["unshare", "--mount", "sh", "-c", SMALL, "sh", size, directory])


@it("the data disk is XFS and keeps its files")
def data_disk(lab: Lab) -> None:
    disk = lab.work / "disk, a=b"
    got = lab.output("--disk-size", "1G", "--", "sh", "-c",
                     "echo kept >/data/file; stat -f -c %T /data", disk=disk)
    expect("file system", b"xfs\n", got)
    expect("file of the first run", b"kept\n", lab.output("--", "cat", "/data/file", disk=disk))


@it("a data disk whose making was interrupted is made again")
def unfinished_disk(lab: Lab) -> None:
    disk = lab.work / "disk"
    with open(disk, "wb") as file:
        file.truncate(1 << 30)
    expect("first use", b"xfs\n",
           lab.output("--disk-size", "1G", "--", "stat", "-f", "-c", "%T", "/data", disk=disk))
    with open(disk, "r+b") as file:
        file.seek(126)
        file.write(b"\1")
    expect("second use", b"xfs\n",
           lab.output("--disk-size", "1G", "--", "stat", "-f", "-c", "%T", "/data", disk=disk))


def damage_log(disk: Path) -> None:
    """Writes over the log of an XFS file system (its superblock: xfs_dsb, big endian)."""
    with open(disk, "r+b") as file:
        head = file.read(512)
        block_size = int.from_bytes(head[4:8], "big")
        log_start = int.from_bytes(head[48:56], "big")
        log_blocks = int.from_bytes(head[96:100], "big")
        blocks_of_group = int.from_bytes(head[84:88], "big")
        group, block = divmod(log_start, 1 << head[124])
        file.seek((group * blocks_of_group + block) * block_size)
        file.write(b"damage!!" * (log_blocks * block_size // 8))


@it("a data disk that a crash of the host has damaged is repaired, and the command runs")
def damaged_disk(lab: Lab) -> None:
    disk = lab.work / "disk"
    lab.output("--disk-size", "1G", "--", "sh", "-c", "echo kept >/data/file", disk=disk)
    damage_log(disk)
    done = lab.run("--", "cat", "/data/file", disk=disk)
    expect("file of the first run", b"kept\n", done.stdout)
    expect("exit status", 0, done.returncode)
    expect_in(b"damaged, and has been repaired\n", done.stderr)
    expect("what is said afterwards", b"", lab.run("--", "true", disk=disk).stderr)


@it("a data disk that is damaged beyond repair is an error that says what helps")
def lost_disk(lab: Lab) -> None:
    disk = lab.work / "disk"
    with open(disk, "wb") as file:
        file.write(b"XFSB")
        file.truncate(64 << 20)
    done = lab.run("--", "true", disk=disk)
    expect("exit status", 1, done.returncode)
    expect_in(b"remove the file of the disk", done.stderr)


@it("a data disk that outgrows its file system is an error, for the command and in a line")
def full_disk(lab: Lab) -> None:
    done = on_small_disk(lab, "120M", "dd if=/dev/urandom of=/data/file bs=1M count=200; sync")
    expect("exit status", 1, done.returncode)
    expect_in(b"had errors: no space left on its file system\n", done.stderr)


@it("a data disk that cannot be made is refused in one line, and gone")
def no_room(lab: Lab) -> None:
    done = on_small_disk(lab, "16K", "true")
    expect("exit status", 1, done.returncode)
    expect("lines", 1, done.stderr.count(b"\n"))
    expect_in(b"cannot be formatted: no space left on its file system\n", done.stderr)
    lab.refused(1, "--", "true", disk="/dev/null", says=b"not a regular file")
    lab.refused(1, "--", "true", disk=lab.work / "none/disk", says=b"cannot be opened")


# The calibration is known from the first test of a machine on; it is measured before that.
@it("a data disk with a profile keeps its files and is as slow as said")
def profiled_disk(lab: Lab) -> None:
    disk = lab.work / "disk"
    done = lab.run("--disk-size", "1G", "--disk-profile", "ebs", "--", "sh", "-c",
                   "yes faasnap | head -c 4194304 >/data/file && sync", disk=disk)
    expect("exit status", 0, done.returncode)
    lab.output("--disk-profile", "ebs", "--", "python3", "-c", """
import json, mmap, os, time
disk = json.loads(os.environ["FAASNAP_LAB_CALIBRATION"])["disk"]
content = (b"faasnap\\n" * 524288)[:4194304]
assert open("/data/file", "rb").read() == content, "the file has changed"
fd = os.open("/data/file", os.O_RDONLY | os.O_DIRECT)
page = mmap.mmap(-1, 4096)
start = time.monotonic_ns()
for i in range(100):
    assert os.preadv(fd, [page], i * 7 % 1024 * 4096) == 4096
spent = time.monotonic_ns() - start
assert spent >= 100 * disk["latency_ns"], (spent, disk)
start = time.monotonic_ns()
chunk = mmap.mmap(-1, 4194304)
assert os.preadv(fd, [chunk], 0) == 4194304
spent = time.monotonic_ns() - start
assert spent >= 4194304 / disk["bytes_per_second"] * 1e9, (spent, disk)
""", disk=disk)


@it("a profile that is not known, or that has no disk, ends with status 2")
def wrong_profile(lab: Lab) -> None:
    disk = lab.work / "disk"
    lab.refused(2, "--disk-profile", "floppy", "--", "true", disk=disk, lines=2,
                says=b"expected one of: nvme, ssd, ebs")
    lab.refused(2, "--disk-profile", "nvme", "--", "true", lines=2, says=b"needs a data disk")
    expect("disk", False, disk.exists())


@it("a lab is calibrated once, and says so to its command")
def calibration(lab: Lab) -> None:
    directory = lab.own_directory()
    # What steers a library outside does not reach the work that is compared.
    lab.environment["PYTHONHASHSEED"] = "bad"
    text = lab.output("--calibrate")
    expect("what it prints", (directory / "calibration.json").read_bytes(), text)
    fields = json.loads(text)
    expect("the lab is slower", True, fields["dilation"] > 1)
    # Known now: nothing is measured again, and a command learns it.
    got = lab.output("--calibrated", "--", "sh", "-c", 'echo "$FAASNAP_LAB_CALIBRATION"')
    expect("calibration in the lab", fields, json.loads(got))
    expect("files", {"calibration.json", "initrd", "modules", "tsc-khz", "vmlinux"},
           set(os.listdir(directory)) - {"restarts.log"})


@it("a signal while the lab is calibrated leaves nothing behind")
def interrupted_calibration(lab: Lab) -> None:
    directory = lab.own_directory()
    for moment in (1.0, 6.0):
        with lab.running("--calibrated", "--", "true") as process:
            time.sleep(moment)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate()
            # Before this program could take it, the signal ends it by itself.
            expect("output", b"", out)
            expect("status", True, process.returncode in (130, -signal.SIGINT))
        lab.expect_nothing_left()
    expect("files", {"initrd", "modules", "tsc-khz", "vmlinux"},
           set(os.listdir(directory)) - {"restarts.log"})


@it("a data disk in use is refused in one line")
def busy_disk(lab: Lab) -> None:
    disk = lab.work / "busy"
    with open(disk, "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        lab.refused(1, "--", "true", disk=disk, says=b"in use by another lab")
