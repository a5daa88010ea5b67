# SPDX-License-Identifier: Apache-2.0
"""Labs that die or fall silent, before their command begins and after."""

import os
import re
import signal
import time

from harness import Lab, children_of, expect, expect_in, it

CRASH = "sleep 1; echo c >/proc/sysrq-trigger; sleep 100"
PANIC = b"the lab's kernel panicked: sysrq triggered crash"


def log_lines(directory) -> list[str]:
    """Returns what restarts.log says, without the times."""
    lines = (directory / "restarts.log").read_text().splitlines()
    for line in lines:
        expect("a line with a time", True,
               re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \w+: ", line) is not None)
    return [line.split(" ", 1)[1] for line in lines]


@it("a lab that is killed before its command begins is started again without a word")
def killed_early(lab: Lab) -> None:
    directory = lab.own_directory()
    with lab.running("--", "sh", "-c", "echo try $FAASNAP_LAB_TRY") as process:
        machine = lab.machine(process)
        time.sleep(1)
        os.kill(machine, signal.SIGKILL)
        # And once more by what it cannot do without.
        second = lab.machine(process, but=(machine,))
        time.sleep(1)
        os.kill(children_of(process.pid, "virtiofsd")[0], signal.SIGKILL)
        lab.machine(process, but=(machine, second))
        out, err = process.communicate()
        expect("output", (b"try 1\n", b"", 0), (out, err, process.returncode))
    lines = log_lines(directory)
    expect("first line", "boot: QEMU ended before the command did (killed by signal 9)", lines[0])
    expect("phases", ["boot", "boot"], [line.partition(":")[0] for line in lines])


@it("a lab that falls silent before its command begins is started again without a word")
def silent_early(lab: Lab) -> None:
    directory = lab.own_directory()
    with lab.running("--", "echo", "up") as process:
        machine = lab.machine(process)
        time.sleep(0.5)
        os.kill(machine, signal.SIGSTOP)
        out, err = process.communicate()
        expect("output", (b"up\n", b"", 0), (out, err, process.returncode))
    expect("log", ["boot: the lab froze: it has given no sign of life for 45 s"],
           log_lines(directory))


@it("a lab that never comes up is given up after five starts, with one reason")
def never_up(lab: Lab) -> None:
    directory = lab.own_directory()
    with lab.running("--failure-status", "75", "--", "echo", "up") as process:
        killed: tuple[int, ...] = ()
        for _ in range(5):
            machine = lab.machine(process, but=killed)
            os.kill(machine, signal.SIGKILL)
            killed += (machine,)
        out, err = process.communicate()
        expect("status and output", (75, b""), (process.returncode, out))
        expect("reason", b"faasnap-lab: QEMU ended before the command did (killed by signal 9)",
               err.splitlines()[0])
    expect("lines of the log", 4, len(log_lines(directory)))


@it("a lab that is killed after its command began ends with its reason")
def killed_late(lab: Lab) -> None:
    directory = lab.own_directory()
    with lab.running("--failure-status", "75", "--", "sh", "-c", "echo up; sleep 100") as process:
        expect("first line", b"up\n", process.stdout.readline())
        os.kill(lab.machine(process), signal.SIGKILL)
        _, err = process.communicate()
        expect("exit status", 75, process.returncode)
        expect("reason", b"faasnap-lab: QEMU ended before the command did (killed by signal 9)",
               err.splitlines()[0])
    expect("log", False, (directory / "restarts.log").exists())


@it("a lab that freezes ends with one error")
def frozen(lab: Lab) -> None:
    with lab.running("--patience", "20", "--", "sh", "-c", "echo up; sleep 1000") as process:
        expect("first line", b"up\n", process.stdout.readline())
        os.kill(lab.machine(process), signal.SIGSTOP)
        _, err = process.communicate()
        expect("exit status", 1, process.returncode)
        expect_in(b"faasnap-lab: the lab froze: it has given no sign of life for 20 s\n", err)


@it("a command that can be repeated is, as often as asked for, and that is said")
def repeated(lab: Lab) -> None:
    directory = lab.own_directory()
    done = lab.run("--tries", "3", "--", "sh", "-c",
                   f"echo try $FAASNAP_LAB_TRY; [ $FAASNAP_LAB_TRY = 2 ] && exit 7; {CRASH}")
    expect("exit status and output", (7, b"try 1\ntry 2\n"), (done.returncode, done.stdout))
    expect("what is said",
           b"faasnap-lab: the lab died (%s); starts it again, try 2 of 3\n" % PANIC, done.stderr)
    expect("log", ["command: " + PANIC.decode()], log_lines(directory))


@it("a command whose labs all die ends with the last reason")
def repeated_in_vain(lab: Lab) -> None:
    done = lab.run("--tries", "2", "--failure-status", "75", "--", "sh", "-c", CRASH)
    lines = [line for line in done.stderr.splitlines() if line.startswith(b"faasnap-lab")]
    expect("exit status", 75, done.returncode)
    expect("what is said",
           [b"faasnap-lab: the lab died (%s); starts it again, try 2 of 2" % PANIC,
            b"faasnap-lab: " + PANIC], lines)


@it("a kernel panic ends the lab and shows the console; a command that has read its stdin is not repeated")
def not_repeatable(lab: Lab) -> None:
    done = lab.run("--tries", "2", "--", "sh", "-c", f"cat; {CRASH}", input=b"data")
    expect("exit status and output", (1, b"data"), (done.returncode, done.stdout))
    expect("reason", b"faasnap-lab: " + PANIC + b"; the command cannot be repeated, since it has "
           b"read its standard input", done.stderr.splitlines()[0])
    expect_in(b"\n  | ", done.stderr)
