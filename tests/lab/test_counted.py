# SPDX-License-Identifier: Apache-2.0
"""The counted lab: what it refuses, what starts its kernel, and what a command finds in it."""

import os
import signal
import struct
import subprocess

from faasnap_lab.boot_image import MIB, boot_image, boot_parameters, kernel_pieces, page_tables
from harness import Lab, children_of, expect, expect_in, it, wait_until

# A fixed piece of work, in counted nanoseconds.
WORK = """
import time
begin = time.monotonic_ns()
sum(i * i for i in range(300000))
print(time.monotonic_ns() - begin)
"""
# The same, then twice at once, each on its own CPU: which of them a new process is given, the
# scheduler decides in its own time.
SIDE_BY_SIDE = """
import os, time
def work():
    sum(i * i for i in range(300000))
os.sched_setaffinity(0, {0})
begin = time.monotonic_ns()
work()
alone = time.monotonic_ns() - begin
begin = time.monotonic_ns()
child = os.fork()
if child == 0:
    os.sched_setaffinity(0, {1})
work()
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
print(os.cpu_count(), alone, time.monotonic_ns() - begin)
"""


@it("what the counted lab cannot have is refused before it starts")
def refusals(lab: Lab) -> None:
    lab.refused(2, "--counted", "--calibrate", says=b"needs no calibration", lines=2)
    lab.refused(2, "--counted", "--", "true", disk="/dev/null", says=b"in its memory", lines=2)
    lab.refused(2, "--counted", "--disk-size", "64M", "--", "true", says=b"an XFS takes 300M",
                lines=2, disk="")
    lab.refused(2, "--counted", "--ips", "5", "--", "true", says=b"--ips 5", lines=2)
    lab.refused(1, "--counted", "--memory", "3G", "--", "true", says=b"2048M at most")
    lab.refused(127, "--counted", "--", "not-there", says=b"not-there: not found")


@it("a lab directory without Bochs names the remedy")
def no_bochs(lab: Lab) -> None:
    lab.own_directory()
    lab.refused(1, "--counted", "--", "true", says=b"bochs-bin is missing")


@it("a kernel that is not an ELF file is refused")
def odd_kernel(_: Lab) -> None:
    try:
        kernel_pieces(b"MZ" + bytes(100))
    except ValueError as error:
        expect("reason", "not a 64-bit ELF file", str(error))
    else:
        raise AssertionError("it was taken")


@it("the boot image holds the kernel's segments, and tells it of memory and initrd")
def image(_: Lab) -> None:
    head = b"\x7fELF\x02".ljust(24, b"\0") + struct.pack("<QQ", 0x1000000, 64) + bytes(14)
    head += struct.pack("<HH", 56, 1) + bytes(6)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 120, 0xFFFFFFFF81000000, 0x1000000, 4, 8, 0)
    kernel = head + segment + b"CODE"
    pieces = {}
    content = boot_image(kernel, b"INITRD", "quiet", 64 * MIB)
    while content:
        address, length = struct.unpack_from("<QQ", content)
        pieces[address] = content[16 : 16 + length]
        content = content[16 + length :]
    expect("kernel", b"CODE", pieces[0x1000000])
    expect("entry", 0x1000000, struct.unpack_from("<I", pieces[0x7E00])[0])
    parameters = pieces[struct.unpack_from("<I", pieces[0x7E00], 4)[0]]
    where, size = struct.unpack_from("<II", parameters, 0x218)
    expect("initrd", (b"INITRD", 6), (pieces[where], size))
    expect("arguments", b"quiet\0", pieces[struct.unpack_from("<I", parameters, 0x228)[0]])


@it("the kernel is told of all memory, and of none twice")
def memory_map(_: Lab) -> None:
    page = boot_parameters(64 * MIB, 0)
    ranges = [struct.unpack_from("<QQI", page, 0x2D0 + 20 * i) for i in range(page[0x1E8])]
    end = 0
    for start, size, _kind in ranges:
        expect("start", end, start)
        end = start + size
    expect("end", 64 * MIB, end)


@it("the page tables map 4 GiB to themselves")
def mapping(_: Lab) -> None:
    tables = page_tables()
    for address in (0, 2 * MIB, (1 << 30) + 6 * MIB, (4 << 30) - 2 * MIB):
        table = 0
        for shift in (39, 30):
            entry, = struct.unpack_from("<Q", tables, table + (address >> shift & 511) * 8)
            table = (entry & ~0xFFF) - 0x20000
        entry, = struct.unpack_from("<Q", tables, table + (address >> 21 & 511) * 8)
        expect(f"{address:#x}", address, entry & ~0xFFF)


@it("streams, status, directory, files and disk are as in the other lab; the processor is Intel's")
def command(lab: Lab) -> None:
    kept = lab.work / "kept"
    kept.mkdir()
    (kept / "old").write_text("old")
    script = (
        "grep -c -m 1 ' vmx .* avx2 ' /proc/cpuinfo; ls /dev/kvm; stat -f -c %T /data;"
        "echo $FAASNAP_IN_LAB $FAASNAP_LAB_COUNTED; pwd; cat; printf '\\377\\0' >&2;"
        f"mv {kept}/old {kept}/new; echo forgotten >/var/forgotten; exit 7"
    )
    done = lab.run("--counted", "--writable", kept, "--", "sh", "-c", script, input=b"in\xff",
                   disk="", cwd=lab.work)
    wanted = f"1\n/dev/kvm\nxfs\n1 1\n{lab.work}\nin".encode() + b"\xff"
    expect("output", wanted, done.stdout)
    expect("errors", b"\xff\0", done.stderr)
    expect("status", 7, done.returncode)
    expect("files", ["new"], os.listdir(kept))
    expect("the machine's files", False, os.path.exists("/var/forgotten"))


@it("a full data disk is the command's error")
def full(lab: Lab) -> None:
    done = lab.run("--counted", "--disk-size", "300M", "--", "dd", "if=/dev/zero", "bs=1M",
                   "of=/data/file", disk="")
    expect("status", 1, done.returncode)
    expect_in(b"No space left on device", done.stderr)


@it("the same work takes the same counted time, beside a busy host too")
def repeated(lab: Lab) -> None:
    command = ("--counted", "--", "/usr/bin/python3", "-I", "-c", WORK)
    first = int(lab.output(*command))
    busy = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(os.cpu_count())]
    try:
        second = int(lab.output(*command))
    finally:
        for process in busy:
            process.kill()
            process.wait()
    expect("difference of a per cent", True, abs(first - second) < first / 100)


@it("two CPUs do two pieces of work in the time of one")
def two_cpus(lab: Lab) -> None:
    output = lab.output("--counted", "--cpus", "2", "--", "/usr/bin/python3", "-I", "-c",
                        SIDE_BY_SIDE)
    cpus, alone, both = map(int, output.split())
    expect("CPUs", 2, cpus)
    expect(f"{both} ns for two, {alone} for one", True, both < 1.5 * alone)


@it("a signal reaches the command")
def signalled(lab: Lab) -> None:
    script = "trap 'echo told; exit 9' TERM; echo ready; while :; do sleep 1; done"
    with lab.running("--counted", "--", "sh", "-c", script) as process:
        expect("first line", b"ready\n", process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate()
        expect("then", (b"told\n", 9), (out, process.returncode))


@it("a counted lab whose Bochs is killed says so, and leaves nothing behind")
def killed(lab: Lab) -> None:
    with lab.running("--counted", "--", "sleep", "1000") as process:
        bochs, = wait_until("Bochs starts", lambda: children_of(process.pid, "bochs"))
        os.kill(bochs, signal.SIGKILL)
        _, said = process.communicate()
        expect("status", 1, process.returncode)
        expect_in(b"Bochs ended before the command did (killed by signal 9)", said)
