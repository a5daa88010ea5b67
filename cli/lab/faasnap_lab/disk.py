# SPDX-License-Identifier: Apache-2.0
"""The data disk: a file that one lab at a time may use, XFS inside."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess

from .children import die_with_parent
from .errors import LabFailure
from .installation import SYSTEM_PATH, find_program

# Offset in an XFS superblock of the mark that mkfs has not finished (sb_inprogress).
IN_PROGRESS_OFFSET = 126

NO_SPACE = "no space left on its file system"


def is_full(path: str) -> bool:
    space = os.statvfs(path)
    return space.f_bavail * space.f_frsize < 1 << 20


def take_disk(path: str, size: int) -> int:
    """Returns a descriptor that holds the disk, which is made if it is new."""
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise LabFailure(f"{path}: cannot be opened for writing: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LabFailure(
            f"{path} is in use by another lab; wait for it, or give --disk FILE or --disk none"
        ) from None
    if not stat.S_ISREG(os.fstat(lock).st_mode):
        raise LabFailure(f"{path}: not a regular file")
    if not _is_made(lock):
        _make(path, lock, size)
    return lock


def _is_made(disk: int) -> bool:
    """Returns False for an empty file, and for one whose making was interrupted."""
    head = os.pread(disk, 4096, 0)
    if head.startswith(b"XFSB"):
        return head[IN_PROGRESS_OFFSET] == 0
    return any(head)


def _make(path: str, disk: int, size: int) -> None:
    os.ftruncate(disk, 0)
    try:
        os.ftruncate(disk, size)
        # XFS keeps files in large folios in the page cache, as ext4 does from Linux 6.16 on only.
        mkfs = find_program("mkfs.xfs")
        if not mkfs:
            raise LabFailure("mkfs.xfs is missing (package xfsprogs)")
        done = subprocess.run(
            [mkfs, "-q", "-K", "-L", "faasnap-data", path],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={"PATH": SYSTEM_PATH}, preexec_fn=die_with_parent(),
        )
    except OSError as error:
        os.ftruncate(disk, 0)
        raise LabFailure(f"{path}: cannot be made {size >> 20}M long: {error.strerror}") from error
    except BaseException:
        os.ftruncate(disk, 0)
        raise
    if done.returncode != 0:
        said = done.stdout.decode(errors="replace").strip().split("\n")[-1]
        why = NO_SPACE if is_full(path) else said
        os.ftruncate(disk, 0)
        raise LabFailure(f"{path}: cannot be formatted: {why}")
