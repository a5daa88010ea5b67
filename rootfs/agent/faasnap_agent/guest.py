# SPDX-License-Identifier: Apache-2.0
"""What the agent does as the master of its virtual machine: entropy, clock, free memory,
power-off."""

import fcntl
import os
import socket
import struct
import sys
import time

_RNDADDENTROPY = 0x40085203
_RNDRESEEDCRNG = 0x5207
_RB_POWER_OFF = 0x4321FEDC
_MAX_SEED_BYTES = 64
_CLOCK_TOLERANCE_NS = 1_000_000
# A request may have been this long under way since the host looked at its clock.
_LONGEST_WAY_NS = 10_000_000_000
# The smallest blocks that the kernel reports, as a power of two in pages.
_REPORTED_ORDER = "/sys/module/page_reporting/parameters/page_reporting_order"
# Share of memory that the processors' lists of free pages may have; 0 for the kernel's default.
_SHORT_LISTS = "/proc/sys/vm/percpu_pagelist_high_fraction"
_PAGE_BYTES = 4096
# More than a processor keeps in each of its own lists of free pages; a pipe holds so much.
_FREE_LIST_BYTES = 256 * _PAGE_BYTES


class Guest:
    """The machine that the agent runs in as its second process."""

    def __init__(self, test_mode):
        self.test_mode = test_mode
        self._random = os.open("/dev/urandom", os.O_WRONLY | os.O_CLOEXEC)

    def refresh(self, headers):
        """Makes a clone differ from its siblings and tells it the time, before a request is
        handled. Not every kernel has a VMGenID driver, so the agent asks the kernel to reseed
        (from RDSEED and the cycle counter) for every request; a host that sends a seed or the
        time in the headers is obeyed, since it owns the guest anyway."""
        seed = headers.get("faasnap-entropy", "")
        if seed:
            self._add_entropy(seed)
        fcntl.ioctl(self._random, _RNDRESEEDCRNG)
        now = headers.get("faasnap-time-ns", "")
        if now.isascii() and now.isdigit():
            self._set_clock(int(now))

    def report_all_free_memory(self):
        """From now on the kernel reports free memory page by page, and all of it but the little
        that each processor keeps in lists of its own: that is filled with zeros."""
        _write(_REPORTED_ORDER, 0)
        _write(_SHORT_LISTS, 100_000)
        self.clear_free_lists()

    def report_large_blocks(self):
        """From now on the kernel reports only what it has the largest blocks of: its looking for
        something to report, two seconds after pages were freed, is no part of an invocation."""
        _write(_REPORTED_ORDER, 10)
        _write(_SHORT_LISTS, 0)

    def clear_free_lists(self):
        processors = os.sched_getaffinity(0)
        try:
            for processor in processors:
                os.sched_setaffinity(0, {processor})
                _use_movable_pages()
                _use_kernel_pages()
        finally:
            os.sched_setaffinity(0, processors)

    def power_off(self, connection):
        import ctypes

        _finish(connection)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.reboot(ctypes.c_int(_RB_POWER_OFF)) != 0:
            reason = os.strerror(ctypes.get_errno())
            print(f"agent: power-off: {reason}", file=sys.stderr, flush=True)

    def panic(self, connection):
        _finish(connection)
        with open("/proc/sysrq-trigger", "w", encoding="ascii") as trigger:
            trigger.write("c")

    def _add_entropy(self, text):
        try:
            seed = bytes.fromhex(text)[:_MAX_SEED_BYTES]
        except ValueError:
            return
        entry = struct.pack("ii", len(seed) * 8, len(seed)) + seed
        fcntl.ioctl(self._random, _RNDADDENTROPY, entry)

    def _set_clock(self, now):
        ahead = time.clock_gettime_ns(time.CLOCK_REALTIME) - now
        if ahead < -_CLOCK_TOLERANCE_NS or ahead > _LONGEST_WAY_NS:
            time.clock_settime_ns(time.CLOCK_REALTIME, now)


def _write(path, number):
    """Sets a parameter of the kernel, if this one has it."""
    if os.path.exists(path):
        with open(path, "w", encoding="ascii") as file:
            file.write(str(number))


def _use_movable_pages():
    """Takes pages as a program does: the kernel clears them."""
    import mmap

    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    with mmap.mmap(-1, _FREE_LIST_BYTES, flags=flags) as memory:
        memory.madvise(mmap.MADV_NOHUGEPAGE)
        for offset in range(0, _FREE_LIST_BYTES, _PAGE_BYTES):
            memory[offset] = 0


def _use_kernel_pages():
    """Takes pages as the kernel does for itself, which has other lists: those of a full pipe."""
    source, sink = os.pipe()
    try:
        fcntl.fcntl(sink, fcntl.F_SETPIPE_SZ, _FREE_LIST_BYTES)
        os.write(sink, bytes(_FREE_LIST_BYTES))
    finally:
        os.close(source)
        os.close(sink)


def _finish(connection):
    """Lets the reply reach the peer before the machine stops: waits for the peer's close."""
    try:
        connection.settimeout(0.5)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass
    except OSError:
        pass
