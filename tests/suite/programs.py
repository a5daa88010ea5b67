# SPDX-License-Identifier: Apache-2.0
"""Runs whole test programs, where a process for each test would take longer than the tests do."""

from __future__ import annotations

import re
import xml.etree.ElementTree as xml
from dataclasses import dataclass, field
from pathlib import Path

from ctest import LAB_FAILED, LABS
from phases import Counts, Run

HERE = Path(__file__).resolve().parent
# For one program: much more than any takes in the lab, beside other work.
TIMEOUT_SECONDS = 900

TOTAL = re.compile(r'<OverallResultsCases successes="(\d+)" failures="(\d+)" '
                   r'expectedFailures="(\d+)"(?: skips="(\d+)")?/>')


@dataclass
class Result:
    """What a program that has ended found."""

    counts: Counts
    status: int
    # A line for each check that failed.
    failures: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return self.status == 0 and not self.counts.failed


def result_of(program: Path, directory: Path) -> Result | None:
    """What a program has left in `directory`; nothing if it did not end."""
    file = directory / f"{program.name}.xml"
    status = directory / f"{program.name}.status"
    found = TOTAL.search(file.read_text(errors="replace")) if file.exists() else None
    if not found or not status.exists():
        return None
    successes, failures, expected, skips = (int(number or 0) for number in found.groups())
    return Result(Counts(successes + expected, failures, skips), int(status.read_text()),
                  failures_in(file) if failures else [])


def failures_in(file: Path) -> list[str]:
    lines = []
    for case in xml.parse(file).iter("TestCase"):
        for check in case.iter():
            where = check.get("filename")
            failed = check.tag in ("Exception", "Failure") or check.get("success") == "false"
            if failed and where:
                said = " ".join(" ".join(check.itertext()).split())
                lines.append(f"{case.get('name')}: {Path(where).name}:{check.get('line')}: {said}")
    return lines


def run_programs(run: Run, name: str, programs: list[Path], *, jobs: int = 1,
                 lab: list[str] | None = None, tries: int = 1,
                 environment: dict[str, str] | None = None, options: dict | None = None) -> None:
    """Runs test programs and counts their test cases; one that is unchanged since it passed, with
    what it may start, is counted and not run.

    A program that ends without a result, or with a status that no failed test explains (a sanitizer
    found something), counts as one that failed. `lab` is the beginning of a command line that runs
    the rest of it where KVM works; programs without a result go on in another one when it dies. A
    program of which tests fail has `tries` tries.
    """
    if not programs:
        run.say(f"{name}: there are no programs")
        run.count(failed=1)
        return
    directory = run.log_of(name).with_suffix("")
    directory.mkdir(parents=True, exist_ok=True)
    for file in directory.iterdir():
        file.unlink()
    keys = {program: run.unchanged.key(
        [name, *(lab or [])], [program, program.with_name("faasnap-worker")]) for program in programs}
    before = {program: counts for program in programs
              if (counts := run.unchanged.find(f"{name}: {program.name}", keys[program]))}
    if before:
        run.reuse(name, *map(sum, zip(*before.values())))
    left = [program for program in programs if program not in before]
    results: dict[Path, Result | None] = dict.fromkeys(left)
    labs = LABS if lab else 1
    again = False
    repeated = set()
    while left:
        status = run.phase(name, (lab or []) + [
            str(HERE / "run_programs"), str(jobs), str(TIMEOUT_SECONDS), str(directory),
            *map(str, left)], environment=environment, again=again, options=options)
        again = True
        for program in left:
            earlier = results[program]
            results[program] = result = result_of(program, directory)
            if earlier and result and result.passed:
                run.count(repeated=1)
                repeated.add(program)
            for line in result.failures if result else []:
                run.say(f"    {program.name}: {line}")
        if lab and status == LAB_FAILED:
            labs -= 1
            run.say(f"{name}: the lab failed" + ("; goes on in a new one" if labs else
                                                 ", for the third time"))
            left = [program for program in left if not results[program]] if labs else []
            continue
        tries -= 1
        left = [program for program in left
                if (result := results[program]) and result.failures] if tries > 0 else []
    for program, result in results.items():
        if result is None:
            run.say(f"    no result: {program.name}")
            run.count(failed=1)
            continue
        counts = result.counts
        run.count(counts.passed, counts.failed, counts.skipped)
        if result.passed and program not in repeated:
            run.unchanged.keep(f"{name}: {program.name}", keys[program], counts.passed, counts.skipped)
        if not result.passed and not counts.failed:
            run.say(f"    {program.name}: status {result.status}, and yet no test failed")
            run.count(failed=1)
