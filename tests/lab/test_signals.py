# SPDX-License-Identifier: Apache-2.0
"""Signals and time limits, at each moment of a lab's life."""

import signal
import time

from harness import Lab, expect, expect_in, it


@it("a signal at any moment ends the lab and leaves nothing behind")
def signals(lab: Lab) -> None:
    for number, moments in (
        (signal.SIGTERM, (0.05, 0.3, 1.0)), (signal.SIGINT, (0.2, 2.0)), (signal.SIGHUP, (0.5,)),
        (signal.SIGQUIT, (0.5,)),
    ):
        for moment in moments:
            with lab.running("--", "sleep", "100") as process:
                time.sleep(moment)
                process.send_signal(number)
                out, err = process.communicate()
                status = process.returncode
                # Before this program could take it, the signal ends it by itself.
                if status not in (128 + number, -number):
                    raise AssertionError(f"status {status} after {number} at {moment} s: {err!r}")
                expect("what is said", b"", err)
            lab.expect_nothing_left()


@it("a signal ends the command, and the status says which")
def ending_signal(lab: Lab) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        with lab.running("--", "sh", "-c", "echo up; exec sleep 100") as process:
            expect("first line", b"up\n", process.stdout.readline())
            process.send_signal(number)
            expect("status", 128 + number, process.wait())


@it("SIGKILL leaves nothing behind, before the command begins and after")
def killed(lab: Lab) -> None:
    for moment in (0.1, 0.5, 2.0):
        with lab.running("--", "sleep", "100") as process:
            time.sleep(moment)
            process.kill()
        lab.expect_nothing_left()
    with lab.running("--", "sh", "-c", "echo up; sleep 100") as process:
        expect("first line", b"up\n", process.stdout.readline())
        process.kill()
    lab.expect_nothing_left()


@it("a signal reaches the command, which may choose its status")
def caught_signal(lab: Lab) -> None:
    script = 'trap "echo caught; exit 5" INT TERM; echo up; while :; do sleep 0.1; done'
    with lab.running("--", "bash", "-c", script) as process:
        expect("first line", b"up\n", process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        expect("output", b"caught\n", process.stdout.read())
        expect("status that the trap chose", 5, process.wait())


@it("a command that ignores a signal is taken down by the second one")
def second_signal(lab: Lab) -> None:
    script = 'trap "echo ignored" TERM; echo up; while :; do sleep 0.1; done'
    with lab.running("--", "bash", "-c", script) as process:
        expect("first line", b"up\n", process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        expect("answer", b"ignored\n", process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        expect("status", 143, process.wait())


@it("a lab that takes too long ends with one error")
def time_limit(lab: Lab) -> None:
    done = lab.run("--timeout", "40", "--", "sh", "-c", "echo up; exec sleep 1000")
    expect("exit status", 1, done.returncode)
    expect("output", b"up\n", done.stdout)
    expect_in(b"faasnap-lab: the command did not end within 40 s\n", done.stderr)
    lab.refused(1, "--timeout", "1", "--", "true", says=b"did not end within 1 s")
