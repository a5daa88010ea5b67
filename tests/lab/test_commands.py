# SPDX-License-Identifier: Apache-2.0
"""What a command finds in the lab, and what comes out of it."""

import fcntl
import os
import pty
import signal
import struct
import termios
import time

from harness import PROGRAM, Lab, expect, expect_in, it


@it("a command has its arguments, variables, directory, devices and streams, and the time; its status "
    "is the lab's, and what it leaves running ends with it")
def surroundings(lab: Lab) -> None:
    directory = lab.work / "a b"
    directory.mkdir()
    (directory / "file").write_text("content\n")
    odd = b"tab\tquote'\"\\ $(x) \xff\xfe\n"
    lab.environment["FAASNAP_ODD"] = os.fsdecode(odd)
    words = [odd, b"", b"*", b"-x", b"--"]
    done = lab.run("--failure-status", "99", "--", "sh", "-c", """
        printf '%s\\0' "$@" "$FAASNAP_ODD"
        pwd; cat file
        test -c /dev/kvm && cat /sys/module/kvm_amd/parameters/npt
        echo data | cat /dev/stdin; test -c /dev/loop-control && hostname && nproc
        date +%s
        echo apart >&2
        sleep 1000 &
        exit 7""", "name", *words, cwd=directory)
    *got, text = done.stdout.split(b"\0")
    expect("arguments and environment", [*words, odd], got)
    *lines, seconds = text.decode().splitlines()
    expect("directory, file, nested paging, devices and processors",
           [str(directory), "content", "Y", "data", "faasnap-lab", "1"], lines)
    if not -1 <= time.time() - int(seconds) <= 8:
        raise AssertionError(f"{seconds} inside, {time.time()} outside")
    expect("what is said", b"apart\n", done.stderr)
    expect("exit status", 7, done.returncode)


@it("a command that cannot be run ends with 127 or 126 and one line")
def missing_program(lab: Lab) -> None:
    for name in ("/nonexistent/program", "nonexistent-program"):
        lab.refused(127, "--", name, says=b"faasnap-lab: %s: No such file" % name.encode())
    lab.refused(126, "--", "/etc/passwd", says=b"faasnap-lab: /etc/passwd: Permission denied")


@it("30 MB go in and come out unchanged, through slow readers and both streams")
def much_data(lab: Lab) -> None:
    data = os.urandom(30_000_000)
    done = lab.run("--", "sh", "-c", "tee /dev/stderr", input=data)
    expect("exit status", 0, done.returncode)
    expect("stdout is the same", True, done.stdout == data)
    expect("stderr is the same", True, done.stderr == data)
    with lab.running("--", "head", "-c", "8000000", "/dev/zero") as process:
        time.sleep(20)
        expect("bytes for a late reader", 8_000_000, len(process.stdout.read()))
        expect("exit status", 0, process.wait())


@it("a reader that leaves ends the command as a closed pipe does")
def unread_output(lab: Lab) -> None:
    with lab.running("--", "yes") as process:
        expect("first line", b"y\n", process.stdout.readline())
        process.stdout.close()
        expect("status of the writer", 141, process.wait())


@it("an output that takes no more is an error with a line of its own")
def full_output(lab: Lab) -> None:
    with open("/dev/full", "wb") as full:
        lab.refused(1, "--", "seq", "10000", stdout=full, says=b"stdout: No space left on device")


@it("a stdin that nobody reads, and one that ends at once, hold nothing up, whatever the status; 128+N "
    "is that of signal N")
def odd_input(lab: Lab) -> None:
    reader, writer = os.pipe()
    # The other end stays open for all of the lab's life.
    done = lab.run("--", "sh", "-c", "echo done; exit 255", stdin=reader)
    expect("status and output", (255, b"done\n"), (done.returncode, done.stdout))
    os.close(reader)
    os.close(writer)
    done = lab.run("--", "sh", "-c", "wc -c; kill -9 $$", input=b"")
    expect("status and output", (137, b"0\n"), (done.returncode, done.stdout))


@it("each CPU is interrupted from outside, for as long as the lab lives")
def pulses(lab: Lab) -> None:
    # No guest runs here, but QEMU's emulation of two CPUs may still break.
    done = lab.run("--cpus", "2", "--accept-crashes", "--tries", "3", "--", "python3", "-c", r"""
import os, re, time
def device(cpu):
    for port in os.listdir("/sys/class/virtio-ports"):
        if open(f"/sys/class/virtio-ports/{port}/name").read() == f"faasnap.pulse{cpu}\n":
            return os.readlink(f"/sys/class/virtio-ports/{port}/device").rsplit("/")[-1]
def count(cpu):
    text = open("/proc/interrupts").read()
    line = re.search(rf"^ *\d+: +(\d+) +(\d+) .*\b{device(cpu)}$", text, re.M)
    return int(line[1 + cpu])
before = [count(0), count(1)]
time.sleep(4)
print(count(0) - before[0], count(1) - before[1])
""")
    counts = [int(word) for word in done.stdout.split()]
    if len(counts) != 2 or min(counts) < 3:
        raise AssertionError(f"interrupts of CPUs 0 and 1 in 4 s: {counts}, {done.stderr!r}")


@it("what is written is forgotten, except below --writable")
def forgotten_and_kept(lab: Lab) -> None:
    kept = lab.work / "kept, a=b"
    kept.mkdir()
    other = lab.work / "forgotten"
    other.mkdir()
    lab.output("--writable", kept, "--", "sh", "-c",
               'echo 1 >"$1/file"; mkdir -p "$2" && echo 1 >"$2/file"; echo 1 >/etc/lab-test',
               "sh", kept, other)
    expect("kept", "1\n", (kept / "file").read_text())
    expect("forgotten", [False, False],
           [os.path.exists(path) for path in (other / "file", "/etc/lab-test")])


@it("a command started from a terminal gets a terminal, its size and its keys")
def terminal(lab: Lab) -> None:
    script = """
        trap 'echo now $(stty size)' WINCH
        trap 'echo interrupted; exit 3' INT
        test -t 0 && test -t 1 && test -t 2 && echo size $(stty size)
        read -r line; echo "line $line"
        while :; do sleep 0.1; done"""
    pid, master = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
        os.execve(PROGRAM, [PROGRAM, "--disk", "none", "--", "bash", "-c", script],
                  lab.environment)
    seen = bytearray()

    def read_until(text: bytes) -> None:
        while text not in seen:
            seen.extend(os.read(master, 4096))

    try:
        signal.alarm(600)
        read_until(b"size 33 77\r\n")
        os.write(master, b"typed\n")
        read_until(b"line typed\r\n")
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        read_until(b"now 40 100\r\n")
        os.write(master, b"\x03")
        read_until(b"interrupted\r\n")
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        expect("status that the trap chose", 3, status)
    finally:
        signal.alarm(0)
        os.close(master)


@it("the kernel's console is shown when asked for")
def verbose(lab: Lab) -> None:
    done = lab.run("-v", "--", "true")
    expect("exit status", 0, done.returncode)
    expect_in(b"Linux version", done.stderr)
