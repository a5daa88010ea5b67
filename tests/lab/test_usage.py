# SPDX-License-Identifier: Apache-2.0
"""The command line, and what it refuses."""

from faasnap_lab.options import HELP, VALUES, parse
from faasnap_lab.protocol import decode_job, encode_job, take_lines
from harness import Lab, expect, expect_in, it


@it("wrong usage ends with status 2, one line and where to find help")
def wrong_usage(lab: Lab) -> None:
    for arguments in (
        [], ["--"], ["--memory", "10X", "--", "true"], ["--unknown", "--", "true"], ["true"],
        ["--cpus", "0", "--", "true"], ["--cpus"], ["--env", "=x", "--", "true"],
        ["--tries", "0", "--", "true"], ["--failure-status", "256", "--", "true"],
        ["--memory", "16M", "--", "true"], ["--calibrate", "--", "true"],
    ):
        lab.refused(2, *arguments, says=b"Try: faasnap-lab --help", lines=2)


@it("several CPUs are refused in one line unless the risk is accepted")
def several_cpus(lab: Lab) -> None:
    lab.refused(2, "--cpus", "2", "--", "true", says=b"--accept-crashes", lines=2)
    expect("CPUs", 2, parse(["--cpus", "2", "--accept-crashes", "--", "true"]).cpus)
    expect("CPUs when not asked for", 1, parse(["--", "true"]).cpus)


@it("--help names every option")
def help_text(lab: Lab) -> None:
    for name in VALUES:
        expect_in(name.encode(), HELP.encode())
    expect("help", HELP.encode(), lab.output("--help"))


@it("an option's value may follow an equals sign")
def equals(lab: Lab) -> None:
    options = parse(["--env=A=b=c", "--disk=none", "--env", "D", "--", "--", "-v"])
    expect("variables", [b"A=b=c", b"D"], options.env)
    expect("command", [b"--", b"-v"], options.command)


@it("a job comes out of its encoding as it went in")
def job(lab: Lab) -> None:
    fields = [("arg", b"a\n\xff"), ("env", b"X="), ("arg", b"")]
    line, _, body = encode_job(fields).partition(b"\n")
    expect("length", b"job %d" % len(body), line)
    expect("job", {"arg": [b"a\n\xff", b""], "env": [b"X="]}, decode_job(body))
    buffer = bytearray(b"one\ntwo\nthr")
    expect("lines", [b"one", b"two"], take_lines(buffer))
    expect("rest", b"thr", buffer)


@it("a missing kernel names the remedy")
def missing_kernel(lab: Lab) -> None:
    lab.environment["FAASNAP_LAB_DIR"] = str(lab.work / "none")
    lab.refused(1, "--", "true", says=b"dev setup")


@it("what a machine has not got is refused in one line, with the status asked for")
def too_much(lab: Lab) -> None:
    lab.refused(77, "--failure-status", "77", "--memory", "900000G", "--", "true",
                says=b"this machine has")
    lab.refused(77, "--failure-status", "77", "--writable", lab.work / "none", "--", "true",
                says=b"not a directory")
    lab.refused(1, "--kernel", lab.work / "none", "--", "true", says=b"is missing")


@it("a QEMU that refuses its arguments is not started again")
def refused(lab: Lab) -> None:
    directory = lab.own_directory()
    (directory / "vmlinux").unlink()
    (directory / "vmlinux").write_bytes(b"no kernel")
    lab.refused(1, "--", "true", says=b"QEMU does not start: ")
    expect("log", False, (directory / "restarts.log").exists())
