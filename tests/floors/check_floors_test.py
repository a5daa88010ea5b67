#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows that check_floors finds what it is there to find, in small trees made for it."""

import contextlib
import io
import pathlib
import tempfile
import unittest

import check_floors

GOOD_TREE = {
    "libfaasnap/include/faasnap/units.h": "#include <cstdint>\n",
    "libfaasnap/include/faasnap/vm.h": "#include <faasnap/units.h>\n",
    "libfaasnap/include/faasnap/stats.h": "#include <faasnap/vm.h>\n",
    "libfaasnap/src/base/fd.h": "#include <memory>\n#include <faasnap/units.h>\n",
    "libfaasnap/src/memory/guest.h": '#include "base/fd.h"\n',
    "libfaasnap/src/format/state.h": '#include "base/fd.h"\n#include "format/frame.h"\n',
    "libfaasnap/src/format/frame.h": "",
    "libfaasnap/src/kvm/vcpu.h": '#include <linux/kvm.h>\n#include "memory/guest.h"\n',
    "libfaasnap/src/virtio/queue.h": '#include "memory/guest.h"\n',
    "libfaasnap/src/machine/machine.h": '#include "kvm/vcpu.h"\n#include "virtio/queue.h"\n',
    "libfaasnap/src/vm/vm.cpp": '#include "machine/machine.h"\n#include <fmt/format.h>\n',
    "cli/main.cpp": '#include <faasnap/vm.h>\n#include "commands/boot.h"\n',
    "cli/commands/boot.h": '#include "tools/json.h"\n',
    "bench/replay.cpp": '#include "tools/json.h"\n',
    "tools/json.h": '#include <string>\n',
    "tools/json.cpp": '#include "tools/json.h"\n',
    "examples/serve.cpp": "#include <faasnap/vm.h>\n",
}

# What is put at the end of which file, and a word of the complaint.
FAULTS = {
    "a floor includes one above it": (
        "libfaasnap/src/base/fd.h", '#include "memory/guest.h"', "not below"),
    "a wing includes another": (
        "libfaasnap/src/virtio/queue.h", '#include "kvm/vcpu.h"', "not below"),
    "neighbours on one level include each other": (
        "libfaasnap/src/format/state.h", '#include "kvm/vcpu.h"', "not below"),
    "a floor includes the header of a class above it": (
        "libfaasnap/src/kvm/vcpu.h", "#include <faasnap/vm.h>", "of floor 'vm'"),
    "a floor includes such a header by way of another": (
        "libfaasnap/src/kvm/vcpu.h", "#include <faasnap/stats.h>", "of floor 'vm'"),
    "an include is written with odd spaces": (
        "libfaasnap/src/base/fd.h", ' #  include  "vm/vm.cpp"', "not below"),
    "an include is not rooted at src": (
        "libfaasnap/src/format/state.h", '#include "frame.h"', "not a file below"),
    "an include climbs out of its floor": (
        "libfaasnap/src/format/state.h", '#include "../memory/guest.h"', "not a file below"),
    "an include hides behind angle brackets": (
        "libfaasnap/src/base/fd.h", "#include <memory/guest.h>", "expected quotes"),
    "a device knows KVM": (
        "libfaasnap/src/virtio/queue.h", "#include <linux/kvm.h>", "linux/kvm.h"),
    "a public header includes KVM's": (
        "libfaasnap/include/faasnap/vm.h", "#include <linux/kvm.h>", "linux/kvm.h"),
    "a public header includes liburing": (
        "libfaasnap/include/faasnap/vm.h", "#include <liburing.h>", "liburing"),
    "a public header includes a floor": (
        "libfaasnap/include/faasnap/vm.h", "#include <base/fd.h>", "not a public header"),
    "a public header includes one that is not there": (
        "libfaasnap/include/faasnap/vm.h", "#include <faasnap/internal.h>", "not a public header"),
    "a public header includes by quotes": (
        "libfaasnap/include/faasnap/vm.h", '#include "units.h"', "public headers include"),
    "the command sees inside the library": (
        "cli/main.cpp", '#include "base/fd.h"', "not a file of cli"),
    "the command climbs into the library": (
        "cli/main.cpp", '#include "../libfaasnap/src/base/fd.h"', "not a file of cli"),
    "a bench sees the command's files": (
        "bench/replay.cpp", '#include "commands/boot.h"', "not a file of bench"),
    "a bench climbs into the command": (
        "bench/replay.cpp", '#include "tools/../cli/commands/boot.h"', "not a file of bench"),
    "what the programs share sees one of them": (
        "tools/json.cpp", '#include "commands/boot.h"', "not a file of tools"),
    "an example needs what only the programs have": (
        "examples/serve.cpp", '#include "tools/json.h"', "not a file of examples"),
    "the command sees inside by angle brackets": (
        "cli/main.cpp", "#include <base/fd.h>", "inside the library"),
}


def write_tree(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


class CheckFloors(unittest.TestCase):
    def run_on(self, files):
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory)
            write_tree(root, files)
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                status = check_floors.main(["check_floors", str(root)])
            return status, output.getvalue()

    def test_a_tree_that_keeps_the_rules_passes(self):
        status, output = self.run_on(GOOD_TREE)
        self.assertEqual(status, 0, output)

    def test_each_fault_is_found_and_its_line_named(self):
        for what, (file, line, complaint) in FAULTS.items():
            with self.subTest(what):
                text = GOOD_TREE[file] + line + "\n"
                status, output = self.run_on(GOOD_TREE | {file: text})
                self.assertEqual(status, 1)
                self.assertIn(f"{file}:{text.count(chr(10))}: ", output)
                self.assertIn(complaint, output)

    def test_a_folder_that_is_no_floor_is_found(self):
        status, output = self.run_on(
            GOOD_TREE | {"libfaasnap/src/extra/a.h": "#include <cstdint>\n"})
        self.assertEqual(status, 1)
        self.assertIn("'extra' is not a floor", output)

    def test_a_tree_without_sources_does_not_pass(self):
        status, output = self.run_on({"README.md": ""})
        self.assertEqual(status, 1)
        self.assertIn("no source files found", output)


if __name__ == "__main__":
    unittest.main()
