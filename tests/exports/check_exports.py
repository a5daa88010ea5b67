#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares what a build of libfaasnap exports with the list of libfaasnap/exports.map.

    check_exports.py [--write] LIBRARY LIST

LIBRARY is libfaasnap.a or libfaasnap.so. LIST is a linker's version script, which names each symbol as
people write it. Prints each symbol that only one of them has and exits with 1; with 0 when there is
none. With --write, writes LIST anew from LIBRARY.

Of an archive, the symbols count that the shared library made of it exports: functions and objects with
default visibility, and the vtables and type information of exported classes. Inline functions and
templates do not count, as their users compile them, nor do the classes called Impl.
"""

import pathlib
import re
import subprocess
import sys

TYPE_DATA = re.compile(r"(vtable|typeinfo|typeinfo name) for faasnap::\w+")
HEAD = """\
# What the shared library exports: the names marked with FAASNAP_EXPORT, and nothing of the libraries
# that it is built with. tests/exports/check_exports.py --write makes this file.
{
global:
  extern "C++" {
"""
TAIL = """\
  };
local:
  *;
};
"""


def is_exported(binding, name):
    if TYPE_DATA.fullmatch(name):
        return True
    return binding == "GLOBAL" and name.startswith("faasnap::") and "::Impl::" not in name


def exported_by(library):
    """The symbols that `library` exports, or would."""
    shared = library.suffix != ".a"
    command = ["readelf", "--wide", "--demangle", "--dyn-syms" if shared else "--symbols", str(library)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    symbols = set()
    for line in output.splitlines():
        # Number, value, size, type, binding, visibility, section, name.
        fields = line.split(maxsplit=7)
        if len(fields) != 8 or not fields[0].endswith(":"):
            continue
        binding, visibility, section, name = fields[4:]
        if binding == "LOCAL" or visibility != "DEFAULT" or section == "UND":
            continue
        if shared or is_exported(binding, name):
            symbols.add(name)
    return symbols


def main(arguments):
    write = arguments[1:2] == ["--write"]
    paths = arguments[2 if write else 1:]
    if len(paths) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    library, listing = map(pathlib.Path, paths)
    exported = exported_by(library)
    if not exported:
        print(f"{library}: exports nothing", file=sys.stderr)
        return 1
    if write:
        lines = "".join(f'    "{name}";\n' for name in sorted(exported))
        listing.write_text(HEAD + lines + TAIL, encoding="utf-8")
        return 0
    listed = set(re.findall(r'^ +"(faasnap::.*|.* for faasnap::.*)";$', listing.read_text(encoding="utf-8"), re.M))
    for name in sorted(exported - listed):
        print(f"{library.name} exports what is not listed: {name}")
    for name in sorted(listed - exported):
        print(f"{library.name} lacks what is listed: {name}")
    if exported != listed:
        print(f"If that is meant: tests/exports/check_exports.py --write {library} {listing}")
        return 1
    print(f"{len(exported)} symbols, as listed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
