# SPDX-License-Identifier: Apache-2.0
"""Each test of ctest's runs once, in whichever part and lab, and again only if it must."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from ctest import LAB_FAILED, Tests, run_ctest
from phases import Run
from unchanged import Unchanged

NAMES = [f"integration:test {number}, (of six)" for number in range(6)]


class CtestTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = Path(scratch.name)
        build = self.root / "build"
        for place in "release/bin", "images", "lab":
            (build / place).mkdir(parents=True)
        self.ran = self.root / "ran"
        self.ran.touch()
        os.environ["FAASNAP_IMAGES"] = str(build / "images")
        os.environ["FAASNAP_LAB_DIR"] = str(build / "lab")
        subprocess.run(["git", "-C", str(self.root), "init", "-q"], check=True)
        # The fourth test is skipped.
        (build / "release/CTestTestfile.cmake").write_text("".join(
            f"""add_test("{name}" sh -c "echo {number} >>'{self.ran}'; test {number} != 3 || exit 4")
set_tests_properties("{name}" PROPERTIES LABELS integration SKIP_RETURN_CODE 4)
""" for number, name in enumerate(NAMES)))

    def run_part(self, part, lab=None):
        build = self.root / "build"
        run = Run(self.root, build, Unchanged(self.root, build))
        run.say = lambda text: None
        ok = run_ctest(run, "integration", Tests("release", "integration", part=part), lab=lab,
                       tracked=())
        ran = sorted(int(number) for number in self.ran.read_text().split())
        self.ran.write_text("")
        return ok, ran, run.counts

    def test_every_part_runs_its_own_tests(self):
        self.assertEqual([self.run_part((part, 2))[:2] for part in (1, 2)],
                         [(True, [0, 2, 4]), (True, [1, 3, 5])])

    def test_what_is_unchanged_moves_no_other_test_into_the_part(self):
        self.run_part((2, 2))
        ok, ran, counts = self.run_part((2, 2))
        # What was skipped runs again.
        self.assertEqual((ok, ran), (True, [3]))
        self.assertEqual((counts.passed, counts.unchanged, counts.skipped), (2, 2, 1))

    def test_what_a_dying_lab_has_left_goes_on_in_another(self):
        tries = self.root / "tries"
        # Runs the first test that it is told of, dies, and works from then on.
        lab = ["sh", "-c", f"""if test -e '{tries}'; then exec "$@"; fi
touch '{tries}'; "$@" -I 1,1; exit {LAB_FAILED}""", "lab"]
        ok, ran, counts = self.run_part((2, 2), lab)
        self.assertEqual((ok, ran, counts.failed), (True, [1, 3, 5], 0))


if __name__ == "__main__":
    unittest.main()
