# SPDX-License-Identifier: Apache-2.0
"""The file system that init makes on the overlay's disk, as e2fsprogs sees it."""

import os
import subprocess
import tempfile
import unittest

PROBE = os.environ["FILE_SYSTEM_PROBE"]
TOOLS = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


def make(path):
    return subprocess.run([PROBE, path], capture_output=True, text=True, timeout=60)


class DiskFileSystem(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = os.path.join(directory.name, "disk")

    def disk(self, size):
        with open(self.path, "wb") as file:
            file.truncate(size)

    def test_is_sound_whatever_the_size(self):
        for size in (MIB, 8 * MIB, 127 * MIB + 512, 128 * MIB, 129 * MIB, GIB, 100 * GIB, 1024 * GIB):
            with self.subTest(size=size):
                self.disk(size)
                made = make(self.path)
                self.assertEqual((made.returncode, made.stderr), (0, ""))
                check = subprocess.run(["e2fsck", "-f", "-n", self.path], capture_output=True,
                                       text=True, env=TOOLS, timeout=300)
                self.assertEqual(check.returncode, 0, check.stdout + check.stderr)
                # Sparse, so that a large disk costs the host no more than a small one.
                self.assertLess(os.stat(self.path).st_blocks * 512, MIB + size // 8192)

    def test_loses_no_space_to_speak_of(self):
        self.disk(GIB)
        make(self.path)
        shown = subprocess.run(["dumpe2fs", "-h", self.path], capture_output=True, text=True,
                               env=TOOLS, timeout=60).stdout
        fields = dict(line.split(":", 1) for line in shown.splitlines() if ":" in line)
        self.assertEqual(int(fields["Block size"]), 4 * KIB)
        self.assertGreater(int(fields["Free blocks"]) * 4 * KIB, GIB * 97 // 100)
        self.assertEqual(int(fields["Reserved block count"]), 0)
        self.assertNotIn("has_journal", fields["Filesystem features"])

    def test_says_what_is_wrong(self):
        self.disk(16 * KIB)
        made = make(self.path)
        self.assertEqual(made.returncode, 1)
        self.assertIn(self.path + ": ", made.stderr)
        self.assertEqual(len(made.stderr.splitlines()), 1)
        made = make(self.path + ".missing")
        self.assertEqual(made.returncode, 1)
        self.assertIn(".missing: No such file or directory", made.stderr)


if __name__ == "__main__":
    unittest.main()
