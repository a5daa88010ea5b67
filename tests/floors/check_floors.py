#!/usr/bin/env python3
"""Checks which files include which: the floors of docs/design.md.

    check_floors.py ROOT

Prints each include that breaks a rule as FILE:LINE: REASON and exits with 1; with 0 when there is
none. The rules:
  - a file in libfaasnap/src/FLOOR includes its own floor and lower ones, never a neighbour on the
    same level, by paths rooted at libfaasnap/src;
  - <linux/kvm.h> is for kvm/ and the floors above it;
  - public headers include public headers and the system's, but neither <linux/kvm.h> nor the
    headers of the libraries that libfaasnap is built with;
  - cli/, examples/ and bench/ see the public headers and their own files.
"""

import pathlib
import re
import sys

LEVELS = [["base"], ["memory", "format", "uring"], ["kvm", "virtio", "boot", "paging"],
          ["machine"], ["api"]]
LEVEL_OF = {floor: level for level, floors in enumerate(LEVELS) for floor in floors}
SOURCE = pathlib.PurePath("libfaasnap/src")
PUBLIC = pathlib.PurePath("libfaasnap/include")
USERS = ["cli", "examples", "bench"]
KVM_HEADER = "linux/kvm.h"
PRIVATE_LIBRARIES = ("liburing", "fmt/", "hiredis")
SUFFIXES = {".h", ".hpp", ".c", ".cc", ".cpp"}
INCLUDE = re.compile(r'^\s*#\s*include(?:_next)?\s*(?:<([^>]+)>|"([^"]+)")')


def fault_in_floor(root, file, system, quoted):
    floor = file.relative_to(SOURCE).parts[0]
    if floor not in LEVEL_OF:
        return f"'{floor}' is no floor"
    if system is not None:
        if system == KVM_HEADER and LEVEL_OF[floor] <= LEVEL_OF["kvm"] and floor != "kvm":
            return f"floor '{floor}' includes <{KVM_HEADER}>"
        if (root / SOURCE / system).is_file():
            return f"<{system}> is the library's own, expected quotes"
        return None
    target = quoted.split("/")[0]
    if target not in LEVEL_OF or not (root / SOURCE / quoted).is_file():
        return f'"{quoted}" is no file below {SOURCE}'
    if target != floor and LEVEL_OF[target] >= LEVEL_OF[floor]:
        return f"floor '{floor}' includes floor '{target}', which is not below it"
    return None


def fault_in_public_header(root, file, system, quoted):
    if quoted is not None:
        return f'"{quoted}": public headers include by <faasnap/...>'
    if system == KVM_HEADER or system.startswith(PRIVATE_LIBRARIES):
        return f"public header includes <{system}>"
    foreign = system.startswith("faasnap/") and not (root / PUBLIC / system).is_file()
    if foreign or (root / SOURCE / system).is_file():
        return f"<{system}> is no public header"
    return None


def fault_in_user(root, file, system, quoted):
    if system is not None:
        if (root / SOURCE / system).is_file():
            return f"<{system}> is inside the library"
        return None
    top = root / file.parts[0]
    for base in (root / file).parent, top:
        target = (base / quoted).resolve()
        if target.is_file() and target.is_relative_to(top.resolve()):
            return None
    return f'"{quoted}" is no file of {file.parts[0]}/'


def check(root):
    """The faults below `root`, and how many files were looked at in each part of the tree."""
    faults = []
    counts = {}
    parts = [(SOURCE, fault_in_floor), (PUBLIC, fault_in_public_header)]
    parts += [(pathlib.PurePath(user), fault_in_user) for user in USERS]
    for part, fault_of in parts:
        files = sorted(f for f in (root / part).rglob("*") if f.suffix in SUFFIXES)
        counts[str(part)] = len(files)
        for file in files:
            name = file.relative_to(root)
            text = file.read_text(encoding="utf-8")
            for number, line in enumerate(text.splitlines(), 1):
                match = INCLUDE.match(line)
                fault = match and fault_of(root, name, match[1], match[2])
                if fault:
                    faults.append(f"{name}:{number}: {fault}")
    return faults, counts


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    faults, counts = check(pathlib.Path(arguments[1]))
    for part in str(SOURCE), str(PUBLIC):
        if counts[part] == 0:
            faults.append(f"{part}: no source files found")
    print("\n".join(faults) if faults else f"{sum(counts.values())} files, no fault")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
