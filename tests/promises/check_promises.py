#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that the tests which docs/security.md names exist.

    check_promises.py ROOT

A test stands there by its title, as "title" or "beginning ...", a method test_of_python as "of python",
or by its file or fuzz target, as `name`, in the second column of a table headed "held by", or in parentheses. Prints each that is not
found, and exits with 1 if there is one.
"""

import pathlib
import re
import sys

ROW = re.compile(r"^\|(.*)\|(.*)\|$")
QUOTED = re.compile(r'"([^"]+)"')
NAMED = re.compile(r"`([^`]+)`")
METHOD = re.compile(r"def test_(\w+)")


def tests_of(root: pathlib.Path) -> tuple[str, set[str]]:
    """The text of all tests, with white space and joints of strings as one blank, and their names."""
    files = [file for file in (root / "tests").rglob("*")
             if file.suffix in {".cpp", ".h", ".py", ""} and file.is_file()]
    text = " ".join(file.read_text(encoding="utf-8") for file in files)
    text = re.sub(r'"\s*\n\s*"', "", text)
    text += " ".join(f'"{method.replace("_", " ")}"' for method in METHOD.findall(text))
    names = {file.stem for file in files} | {file.stem.removeprefix("fuzz_") for file in files}
    return re.sub(r"\s+", " ", text), names


def cells(page: str) -> list[str]:
    """The parts of the page that name tests."""
    found, held = [], False
    for line in page.splitlines():
        row = ROW.match(line)
        if row:
            held = row[2].strip() == "held by" or (held and line.startswith("|"))
            found.append(row[2] if held else "")
        else:
            held = False
    prose = re.sub(r"\s+", " ", "\n".join(line for line in page.splitlines()
                                          if not line.startswith("|")))
    found += re.findall(r"\(((?:[a-z]+: |`tests/)[^()]*)\)", prose)
    return found


def main() -> int:
    root = pathlib.Path(sys.argv[1])
    text, names = tests_of(root)
    parts = cells((root / "docs/security.md").read_text(encoding="utf-8"))
    missing, count = [], 0
    for part in parts:
        for title in QUOTED.findall(part):
            count += 1
            if '"' + title.removesuffix(" ...") not in text:
                missing.append(title)
        for name in NAMED.findall(part):
            count += 1
            known = any(root.glob(name)) if "/" in name else name in names
            if not known and "::" not in name:
                missing.append(name)
    for name in missing:
        print(f"docs/security.md: there is no test {name}")
    if count == 0:
        print("docs/security.md: no test is named")
    return 1 if missing or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
