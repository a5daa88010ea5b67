# SPDX-License-Identifier: Apache-2.0
"""The environment that a lab is started in, and what of it goes in."""

import os
import resource
import subprocess

from harness import PROGRAM, Lab, expect, it

STEERING = {
    "OPENBLAS_CORETYPE": "Haswell", "MKL_DEBUG_CPU_TYPE": "5", "MKL_NUM_THREADS": "3",
    "GLIBC_TUNABLES": "glibc.malloc.check=0", "LD_LIBRARY_PATH": "/nonexistent",
    "LD_BIND_NOW": "1", "OMP_NUM_THREADS": "3", "PYTHONHOME": "/nonexistent",
    "PYTHONHASHSEED": "bad", "http_proxy": "http://127.0.0.1:1", "BASH_ENV": "/nonexistent",
}
WANTED = {
    "HOME": "/nonexistent", "USER": "someone", "LOGNAME": "someone", "SHELL": "/bin/sh",
    "TERM": "dumb", "COLORTERM": "truecolor", "NO_COLOR": "1", "LANG": "nonsense", "LANGUAGE": "xx",
    "LC_NUMERIC": "C", "TZ": "Asia/Kolkata", "FAASNAP_X": "a=b\n",
}


@it("what steers a library stays outside, and --env brings in what is asked for")
def environment(lab: Lab) -> None:
    hijack = lab.work / "hijack"
    hijack.mkdir()
    for name in ("os", "select", "json", "signal", "faasnap_lab"):
        (hijack / f"{name}.py").write_text("raise SystemExit('hijacked')\n")
    odd = b"Has\xffwell\n =x"
    outside = {"PATH": os.environ["PATH"], "PYTHONPATH": str(hijack),
               "LD_PRELOAD": "/lib/x86_64-linux-gnu/libm.so.6",
               "FAASNAP_LAB_TEST": str(lab.work)} | STEERING | WANTED
    for name in ("FAASNAP_LAB_DIR",):
        if name in os.environ:
            outside[name] = os.environ[name]
    got = lab.output("--env", b"OPENBLAS_CORETYPE=" + odd, "--env", "MKL_NUM_THREADS",
                     "--env", "NOT_SET", "--env=EMPTY=", "--", "/usr/bin/env", "-0", env=outside)
    inside = dict(entry.split(b"=", 1) for entry in got.split(b"\0") if entry)
    inside.pop(b"FAASNAP_LAB_CALIBRATION", None)
    wanted = {name.encode(): value.encode() for name, value in (outside | WANTED).items()
              if name not in STEERING and name not in ("PYTHONPATH", "LD_PRELOAD")}
    wanted |= {b"OPENBLAS_CORETYPE": odd, b"MKL_NUM_THREADS": b"3", b"EMPTY": b"",
               b"FAASNAP_IN_LAB": b"1", b"FAASNAP_LAB_TRY": b"1"}
    expect("environment", wanted, inside)


@it("odd surroundings do not matter: closed streams, umask, limits, locale, a TMPDIR with a blank")
def odd_surroundings(lab: Lab) -> None:
    kept = lab.work / "kept here"
    temporary = lab.work / "tmp dir"
    kept.mkdir()
    temporary.mkdir()

    def prepare() -> None:
        os.close(0)
        os.close(1)
        os.umask(0o077)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard_limit))

    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    directory = lab.own_directory()
    script = 'cat && f=$(mktemp) && echo "$f" >"$1/file" && echo data >/data/file && ls "$1"'
    with open(lab.work / "err", "wb") as err:
        done = subprocess.run(
            [PROGRAM, "--timeout", "300", "--disk", lab.work / "disk", "--disk-size", "1G",
             "--writable", kept, "--", "sh", "-c", script, "sh", kept],
            stderr=err, preexec_fn=prepare, cwd=lab.work,
            env={"PATH": "/usr/bin:/bin", "LANG": "nonsense", "LC_ALL": "nonsense",
                 "TMPDIR": str(temporary), "FAASNAP_LAB_DIR": str(directory),
                 "FAASNAP_LAB_TEST": str(lab.work)},
        )
    expect("what is said", "", (lab.work / "err").read_text())
    expect("exit status", 0, done.returncode)
    name = (kept / "file").read_text()
    expect("a temporary file's name", f"{temporary}/tmp.", name[:len(f"{temporary}/tmp.")])
    expect("what is left in TMPDIR", [], os.listdir(temporary))


@it("a limit on open files is raised, or named in one line where root may not raise it")
def hard_limit(lab: Lab) -> None:
    def prepare() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    done = lab.run("--", "true", preexec_fn=prepare)
    refusal = b"faasnap-lab: only 64 files can be open, the lab needs 1024 (ulimit -n)\n"
    if (done.returncode, done.stderr) not in ((0, b""), (1, refusal)):
        raise AssertionError(f"status {done.returncode}: {done.stderr!r}")
