# SPDX-License-Identifier: Apache-2.0
"""What passed is taken for unchanged only while all that it depends on is the same."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from unchanged import Unchanged


class UnchangedTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = Path(scratch.name)
        self.build = self.root / "build"
        for place in "build/images", "build/lab", "tests/suite", "tests/integration", "docs":
            (self.root / place).mkdir(parents=True)
        self.program = self.write("build/test_base", "program")
        (self.root / ".gitignore").write_text("/build/\n")
        subprocess.run(["git", "-C", str(self.root), "init", "-q"], check=True)
        os.environ["FAASNAP_IMAGES"] = str(self.build / "images")
        os.environ["FAASNAP_LAB_DIR"] = str(self.build / "lab")

    def write(self, name, text):
        file = self.root / name
        file.write_text(text)
        return file

    def key(self, tracked=("tests/integration",)):
        return Unchanged(self.root, self.build).key(["unit tests"], [self.program], tracked)

    def test_a_kept_result_is_found_by_a_later_run(self):
        self.assertIsNone(Unchanged(self.root, self.build).find("base", self.key()))
        Unchanged(self.root, self.build).keep("base", self.key(), 12, 3)
        self.assertEqual(Unchanged(self.root, self.build).find("base", self.key()), (12, 3))

    def test_a_result_is_not_that_of_another_check(self):
        Unchanged(self.root, self.build).keep("base", self.key(), 12)
        self.assertIsNone(Unchanged(self.root, self.build).find("redis", self.key()))

    def test_rerun_finds_nothing_and_keeps_what_passes(self):
        Unchanged(self.root, self.build).keep("base", self.key(), 12)
        rerun = Unchanged(self.root, self.build, rerun=True)
        self.assertIsNone(rerun.find("base", self.key()))
        rerun.keep("base", self.key(), 13)
        self.assertEqual(Unchanged(self.root, self.build).find("base", self.key()), (13, 0))

    def test_a_damaged_file_of_results_counts_as_none(self):
        self.write("build/passed.json", "{")
        self.assertIsNone(Unchanged(self.root, self.build).find("base", self.key()))

    def test_the_key_changes_with_all_that_a_check_depends_on(self):
        for name in ("build/test_base", "build/images/images.json", "build/lab/stamp",
                     "tests/suite/run", "tests/integration/run_examples"):
            before = self.key()
            self.write(name, "changed")
            self.assertNotEqual(before, self.key(), name)
        before = self.key()
        (self.root / "tests/integration/run_examples").unlink()
        self.assertNotEqual(before, self.key(), "a file that is gone")

    def test_the_key_changes_with_the_variables_that_steer_tests(self):
        before = self.key()
        os.environ["FAASNAP_LAB_CALIBRATION"] = "1"
        self.addCleanup(os.environ.pop, "FAASNAP_LAB_CALIBRATION")
        self.assertNotEqual(before, self.key())

    def test_the_key_is_the_same_whatever_else_changes(self):
        before = self.key()
        self.write("docs/index.md", "changed")
        self.write("build/test_other", "changed")
        self.assertEqual(before, self.key())

    def test_content_does_not_run_over_from_one_file_to_the_next(self):
        one, two = self.write("build/one", "ab"), self.write("build/two", "c")
        key = Unchanged(self.root, self.build).key([], [one, two])
        self.write("build/one", "a")
        self.write("build/two", "bc")
        self.assertNotEqual(key, Unchanged(self.root, self.build).key([], [one, two]))


if __name__ == "__main__":
    unittest.main()
