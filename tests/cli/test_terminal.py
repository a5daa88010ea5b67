# SPDX-License-Identifier: Apache-2.0
"""The console at a real terminal. Any /dev/kvm will do, at whatever speed."""

import fcntl
import os
import select
import signal
import subprocess
import termios
import time
import unittest

from cli_case import FAASNAP, CliCase

IMAGES = os.environ.get("FAASNAP_IMAGES", "")
READY = os.access("/dev/kvm", os.R_OK | os.W_OK) and os.path.exists(os.path.join(IMAGES, "vmlinux"))


@unittest.skipUnless(READY, "needs /dev/kvm and $FAASNAP_IMAGES")
class Console(CliCase):
    def setUp(self):
        super().setUp()
        self.terminal, self.console = os.openpty()
        self.addCleanup(os.close, self.terminal)
        self.addCleanup(os.close, self.console)
        self.before = termios.tcgetattr(self.console)

    def boot(self):
        def take_terminal():
            os.setsid()
            fcntl.ioctl(self.console, termios.TIOCSCTTY, 0)

        # pylint: disable=subprocess-popen-preexec-fn
        process = subprocess.Popen(
            [FAASNAP, "boot", "--memory", "256M", "--images", IMAGES], cwd=self.dir, env=self.env,
            stdin=self.console, stdout=self.console, stderr=self.console,
            preexec_fn=take_terminal)
        self.addCleanup(process.kill)
        self.read_until(b"Ctrl-]")
        self.assertNotEqual(termios.tcgetattr(self.console), self.before, "the terminal is raw")
        return process

    def read_until(self, text):
        output = b""
        deadline = time.monotonic() + 30
        while text not in output and time.monotonic() < deadline:
            if select.select([self.terminal], [], [], 0.1)[0]:
                output += os.read(self.terminal, 4096)
        self.assertIn(text, output)

    def ended(self, process, status):
        # 1: a KVM that emulates every instruction met one that it cannot, before the key came.
        self.assertIn(process.wait(timeout=30), (status, 1))
        self.assertEqual(termios.tcgetattr(self.console), self.before, "the terminal is as before")

    def test_the_escape_key_ends_the_guest(self):
        process = self.boot()
        os.write(self.terminal, b"\x1d")
        self.ended(process, 0)

    def test_a_signal_ends_the_guest(self):
        process = self.boot()
        process.send_signal(signal.SIGTERM)
        self.ended(process, 128 + signal.SIGTERM)

    def test_a_control_c_is_for_the_guest(self):
        process = self.boot()
        os.write(self.terminal, b"\x03")
        time.sleep(0.2)
        os.write(self.terminal, b"\x1d")
        self.ended(process, 0)


if __name__ == "__main__":
    unittest.main()
