# SPDX-License-Identifier: Apache-2.0
"""What the tests of the command share."""

import os
import subprocess
import tempfile
import unittest

FAASNAP = os.environ.get("FAASNAP")


class CliCase(unittest.TestCase):
    """Runs the command in a scratch directory, with no settings from the caller's environment."""

    program = FAASNAP
    # What its messages begin with.
    name = "faasnap"

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="faasnap-cli-")
        self.addCleanup(scratch.cleanup)
        self.dir = scratch.name
        self.env = {name: value for name, value in os.environ.items() if "FAASNAP" not in name}
        self.env["HOME"] = self.dir
        self.env.pop("XDG_STATE_HOME", None)

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def write(self, name, content=""):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
        return path

    def run_cli(self, *arguments, **environment):
        return subprocess.run(
            [self.program, *arguments], cwd=self.dir, env={**self.env, **environment},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, timeout=60, check=False)

    def works(self, *arguments):
        """Returns what the command prints, and checks that it succeeds without a message."""
        done = self.run_cli(*arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def refused(self, status, *arguments, says=(), **environment):
        """Checks that the command fails with the status and one line that has all of `says`."""
        done = self.run_cli(*arguments, **environment)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertRegex(done.stderr, rf"\A{self.name}: [^\n]+\n\Z")
        self.assertEqual(done.stdout, "")
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, done.stderr)
        return done.stderr
