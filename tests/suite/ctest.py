# SPDX-License-Identifier: Apache-2.0
"""Runs what ctest knows under a label, and counts each of its tests."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from phases import Run

# What a lab that failed by itself ends with here; ctest never does.
LAB_FAILED = 125
# How often tests are taken up again in a new lab before the rest of them has failed.
LABS = 3

RESULT = re.compile(r"^ *(?:\d+/\d+ )?Test +#\d+: (.*?) *\.*(?: +|\*\*\*)(Passed|Failed|Skipped|Not Run|"
                    r"Timeout|Exception)\b")


@dataclass(frozen=True)
class Tests:
    """A selection of ctest's tests, which must have been built when it is first looked at."""

    preset: str
    label: str
    # A regular expression of CMake's.
    names_match: str = "."
    # Which part of how many: every nth test.
    part: tuple[int, int] = (1, 1)

    def command(self, directory: str, names_match: str) -> list[str]:
        return ["ctest", "--test-dir", directory, "-L", f"^{self.label}$", "-R", names_match]

    @cache
    def _list(self, directory: str) -> list[dict]:
        listing = subprocess.run(
            self.command(directory, self.names_match) + ["--show-only=json-v1"],
            stdout=subprocess.PIPE, check=True).stdout
        number, parts = self.part
        return json.loads(listing)["tests"][number - 1::parts]

    def names(self, directory: str) -> set[str]:
        return {test["name"] for test in self._list(directory)}

    def files(self, directory: str) -> set[Path]:
        """The files that the tests' command lines name."""
        words = {word for test in self._list(directory) for word in test["command"]}
        return {file for word in words if "/" in word and (file := Path(word)).is_file()}

    def programs(self, build: Path) -> list[Path]:
        """Returns the Catch2 programs that the tests belong to."""
        directory = build / self.preset
        programs = {Path(test["command"][0]) for test in self._list(str(directory))}
        return sorted(program for program in programs if program.parent == directory / "bin")


def results_in(log: str, names: set[str]) -> dict[str, list[str]]:
    """The results of each test of `names` that ctest's output `log` has, one for each try."""
    results: dict[str, list[str]] = {}
    for match in filter(None, map(RESULT.match, log.splitlines())):
        if (name := match[1].strip()) in names:
            results.setdefault(name, []).append(match[2])
    return results


def matching(names: Iterable[str]) -> str:
    """A regular expression of CMake's that matches just these names."""
    exact = "|".join(re.sub(r"[^A-Za-z0-9 ]", ".", name) for name in sorted(names))
    return f"^({exact})$"


def run_ctest(run: Run, name: str, tests: Tests, *, jobs: int = 1, timeout: int = 600,
              lab: list[str] | None = None, tries: int = 1, tracked: tuple[str, ...] | None = None,
              environment: dict[str, str] | None = None, options: dict | None = None) -> bool:
    """Runs tests and counts them; one without a result has failed.

    With `tracked`, a test that has passed is counted and not run until something changes: a file that
    a command line names, a program of the build that is no test, or a file of the tree below
    `tracked`. `lab` is the beginning of a command line that runs the rest of it where KVM works. Tests
    that a dying lab has left without a result go on in another one. A test has `tries` tries.
    """
    directory = str(run.build / tests.preset)
    try:
        names = tests.names(directory)
    except (subprocess.CalledProcessError, ValueError, KeyError):
        names = set()
    if not names:
        run.say(f"{name}: ctest knows no tests of the label {tests.label} in {directory}")
        run.count(failed=1)
        return False
    reused: set[str] = set()
    if tracked is not None:
        key = run.unchanged.key([tests.label, f"lab: {bool(lab)}"], {
            *tests.files(directory), *run.unchanged.programs(tests.preset)}, tracked)
        reused = {test for test in names if run.unchanged.find(test, key)}
        names -= reused
    if reused:
        run.reuse(name, len(reused))
    results: dict[str, list[str]] = {}
    for attempt in range((LABS if lab else 1) if names else 0):
        left = names - results.keys()
        argv = (lab or []) + tests.command(directory, matching(left)) + [
            "--timeout", str(timeout), "--parallel", str(jobs), "--output-on-failure",
            "--no-tests=error"]
        if tries > 1:
            argv += ["--repeat", f"until-pass:{tries}"]
        status = run.phase(name, argv, environment=environment, again=attempt > 0, options=options)
        results |= results_in(run.log_of(name).read_text(errors="replace"), names)
        if status != LAB_FAILED or len(results) == len(names):
            break
        run.say(f"{name}: the lab failed after {len(results)} of {len(names)} tests"
                + ("; goes on in a new one" if attempt + 1 < LABS else ", for the third time"))
    passed = sum(tries[-1] == "Passed" for tries in results.values())
    skipped = sum(tries[-1] == "Skipped" for tries in results.values())
    repeated = sorted(test for test, tries in results.items()
                      if tries[-1] == "Passed" and set(tries) != {"Passed"})
    run.count(passed=passed, skipped=skipped, failed=len(names) - passed - skipped,
              repeated=len(repeated))
    if tracked is not None:
        for test, tries in results.items():
            if set(tries) == {"Passed"}:
                run.unchanged.keep(test, key, 1)
    for test in repeated:
        run.say(f"    passed when repeated: {test}")
    for test in sorted(names - results.keys()):
        run.say(f"    no result: {test}")
    return passed + skipped == len(names)


def hostile_environment(scratch: str) -> tuple[dict[str, str], dict]:
    """An environment in which programs tend to fail, and options for Popen that go with it.

    `scratch` is an existing directory, best with a blank in its name.
    """
    environment = {name: os.environ[name] for name in os.environ if name.startswith("FAASNAP_")}
    environment |= {"PATH": os.environ["PATH"], "TMPDIR": scratch}
    environment |= {
        # Languages and terminals that are not there, another time zone, a shell's surprises.
        "LANG": "tr_TR.ISO-8859-9", "LC_ALL": "nonsense", "LC_NUMERIC": "de_DE",
        "TZ": "Asia/Kolkata", "TERM": "nonsense", "COLUMNS": "1", "CDPATH": "/", "IFS": "/",
        "ENV": "/nonexistent", "BASH_ENV": "/nonexistent", "POSIXLY_CORRECT": "1",
        # What steers Python, the C library and the program loader.
        "PYTHONPATH": "/nonexistent:.", "PYTHONSTARTUP": "/nonexistent",
        "PYTHONWARNINGS": "default", "MALLOC_PERTURB_": "165", "LD_BIND_NOW": "1",
        "GLIBC_TUNABLES": "glibc.malloc.perturb=165:glibc.malloc.check=3",
        # What steers libraries to a processor or a number of them.
        "OPENBLAS_CORETYPE": "SkylakeX", "MKL_ENABLE_INSTRUCTIONS": "AVX512",
        "MKL_DEBUG_CPU_TYPE": "5", "OMP_NUM_THREADS": "64", "ATEN_CPU_CAPABILITY": "avx512",
        # Servers that do not answer.
        "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "socks5://127.0.0.1:9",
        "REDIS_URL": "redis://127.0.0.1:9",
    }

    def prepare() -> None:
        os.umask(0o077)
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, most))
        os.close(0)

    return environment, {"preexec_fn": prepare}
