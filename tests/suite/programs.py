# SPDX-License-Identifier: Apache-2.0
"""Runs whole test programs, where a process for each test would take longer than the tests do."""

from __future__ import annotations

import re
from pathlib import Path

from ctest import LAB_FAILED, LABS
from phases import Counts, Run

HERE = Path(__file__).resolve().parent
# For one program: much more than any takes in the lab, beside other work.
TIMEOUT_SECONDS = 900

TOTAL = re.compile(r'<OverallResultsCases successes="(\d+)" failures="(\d+)" '
                   r'expectedFailures="(\d+)"(?: skips="(\d+)")?/>')


def result_in(file: Path) -> Counts | None:
    """What a program's XML file says of its test cases; nothing if the program did not end."""
    found = TOTAL.search(file.read_text(errors="replace")) if file.exists() else None
    if not found:
        return None
    successes, failures, expected, skips = (int(number or 0) for number in found.groups())
    return Counts(successes + expected, failures, skips)


def run_programs(run: Run, name: str, programs: list[Path], *, jobs: int = 1,
                 lab: list[str] | None = None, tries: int = 1,
                 environment: dict[str, str] | None = None, options: dict | None = None) -> None:
    """Runs test programs and counts their test cases.

    A program that ends without a result counts as one that failed. `lab` is the beginning of a
    command line that runs the rest of it where KVM works; programs without a result go on in
    another one when it dies. A program that fails has `tries` tries.
    """
    if not programs:
        run.say(f"{name}: there are no programs")
        run.count(failed=1)
        return
    directory = run.log_of(name).with_suffix("")
    directory.mkdir(parents=True, exist_ok=True)
    for file in directory.glob("*.xml"):
        file.unlink()
    results: dict[Path, Counts | None] = dict.fromkeys(programs)
    labs = LABS if lab else 1
    first = True
    status = 0
    while left := [program for program, result in results.items() if not result or result.failed]:
        status = run.phase(name, (lab or []) + [
            str(HERE / "run_programs"), str(jobs), str(TIMEOUT_SECONDS), str(directory),
            *map(str, left)], environment=environment, again=not first, options=options)
        first = False
        for program in left:
            results[program] = result_in(directory / f"{program.name}.xml")
        if lab and status == LAB_FAILED:
            labs -= 1
            run.say(f"{name}: the lab failed" + ("; goes on in a new one" if labs else
                                                 ", for the third time"))
            if not labs:
                break
            continue
        tries -= 1
        if status == 0 or tries == 0:
            break
    for program, result in results.items():
        if result is None:
            run.say(f"    no result: {program.name}")
            run.count(failed=1)
        else:
            run.count(result.passed, result.failed, result.skipped)
    if status and all(result and not result.failed for result in results.values()):
        run.say(f"    {name}: status {status}, and yet no test failed")
        run.count(failed=1)
