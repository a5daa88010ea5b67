#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks which files include which: the floors of docs/design/design.md.

    check_floors.py ROOT

Prints each include that breaks a rule as FILE:LINE: REASON and exits with 1; with 0 when there is
none. The rules:
  - a file in libfaasnap/src/FLOOR includes its own floor and lower ones, never a neighbour on the
    same level, by paths rooted at libfaasnap/src;
  - a public header that declares a class is for the floor that implements it and those above it,
    also when another public header includes it;
  - <linux/kvm.h> is for kvm/ and the floors above it;
  - public headers include public headers and the system's, but neither <linux/kvm.h> nor the
    headers of the libraries that libfaasnap is built with;
  - cli/, bench/, tools/ and examples/ see the public headers and their own files; cli/ and bench/
    see tools/, too, by paths rooted at the tree.
"""

import pathlib
import re
import sys

LEVELS = [["base"], ["memory", "uring", "redis", "trace"], ["format", "kvm", "virtio", "boot"],
          ["paging", "machine", "worker"], ["snapshot", "store"], ["signature", "vm"], ["guest", "host", "catalogue"],
          ["function"]]
# The floor that implements the classes of a public header; the other headers are plain data.
HOME_OF = {
    "error.h": "base", "trace.h": "trace", "guest_stream.h": "machine",
    "snapshot.h": "snapshot", "working_set.h": "snapshot",
    "snapshot_signature.h": "signature",
    "object_store.h": "store", "directory_store.h": "store", "redis_store.h": "store",
    "object_store_server.h": "store", "store_account.h": "store",
    "vm.h": "vm", "vm_pool.h": "vm", "restored_memory.h": "vm", "page_prefetcher.h": "vm",
    "working_set_recorder.h": "vm",
    "worker_pool.h": "worker", "guest_channel.h": "guest", "host.h": "host", "snapshot_catalogue.h": "catalogue",
    "function_host.h": "function", "function_recorder.h": "function",
}
LEVEL_OF = {floor: level for level, floors in enumerate(LEVELS) for floor in floors}
SOURCE = pathlib.PurePath("libfaasnap/src")
PUBLIC = pathlib.PurePath("libfaasnap/include")
USERS = ["cli", "bench", "tools", "examples"]
SHARED = {"cli": "tools", "bench": "tools", "tools": "tools"}
KVM_HEADER = "linux/kvm.h"
PRIVATE_LIBRARIES = ("liburing", "lz4", "fmt/", "hiredis", "nlohmann/", "openssl/")
SUFFIXES = {".h", ".hpp", ".c", ".cc", ".cpp"}
INCLUDE = re.compile(r'^\s*#\s*include(?:_next)?\s*(?:<([^>]+)>|"([^"]+)")')


def public_includes(root, header, seen):
    """Adds the public headers that `header`, <faasnap/...>, brings along, itself among them."""
    path = root / PUBLIC / header
    if header not in seen and path.is_file():
        seen.add(header)
        for line in path.read_text(encoding="utf-8").splitlines():
            match = INCLUDE.match(line)
            if match and match[1] and match[1].startswith("faasnap/"):
                public_includes(root, match[1], seen)
    return seen


def too_high_header(root, floor, header):
    """The header that `header` brings to a floor and that belongs to a higher one, or a neighbour."""
    for name in sorted(public_includes(root, header, set())):
        home = HOME_OF.get(name.removeprefix("faasnap/"), floor)
        if home != floor and LEVEL_OF[home] >= LEVEL_OF[floor]:
            return f"floor '{floor}' includes <{name}>, which is of floor '{home}'"
    return None


def fault_in_floor(root, file, system, quoted):
    floor = file.relative_to(SOURCE).parts[0]
    if floor not in LEVEL_OF:
        return f"'{floor}' is not a floor"
    if system is not None:
        if system == KVM_HEADER and LEVEL_OF[floor] <= LEVEL_OF["kvm"] and floor != "kvm":
            return f"floor '{floor}' includes <{KVM_HEADER}>"
        if (root / SOURCE / system).is_file():
            return f"<{system}> is the library's own, expected quotes"
        return too_high_header(root, floor, system)
    target = quoted.split("/")[0]
    if target not in LEVEL_OF or not (root / SOURCE / quoted).is_file():
        return f'"{quoted}" is not a file below {SOURCE}'
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
        return f"<{system}> is not a public header"
    return None


def fault_in_user(root, file, system, quoted):
    if system is not None:
        if (root / SOURCE / system).is_file():
            return f"<{system}> is inside the library"
        return None
    top = root / file.parts[0]
    # An example of several folders is a tree of its own.
    own = root / file.parts[0] / file.parts[1] if file.parts[0] == "examples" else top
    for base in (root / file).parent, top, own:
        target = (base / quoted).resolve()
        if target.is_file() and target.is_relative_to(top.resolve()):
            return None
    shared = SHARED.get(file.parts[0])
    if shared and quoted.startswith(f"{shared}/") and ".." not in quoted:
        if (root / quoted).is_file():
            return None
    return f'"{quoted}" is not a file of {file.parts[0]}/'


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
