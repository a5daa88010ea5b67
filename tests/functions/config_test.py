# SPDX-License-Identifier: Apache-2.0
"""Addresses and the kernel command line."""

import socket
import unittest

import support  # noqa: F401 (puts the agent on the path)

from faasnap_agent.addresses import Address
from faasnap_agent.config import Config


class AddressTest(unittest.TestCase):
    def test_each_kind_is_understood(self):
        for text, family, target in (
            ("vsock:2:6379", socket.AF_VSOCK, (2, 6379)),
            ("vsock:4294967295:8080", socket.AF_VSOCK, (0xFFFFFFFF, 8080)),
            ("tcp:localhost:80", socket.AF_INET, ("localhost", 80)),
            ("unix:/run/a:b", socket.AF_UNIX, "/run/a:b"),
        ):
            address = Address(text)
            self.assertEqual((address.family, address.target), (family, target))

    def test_anything_else_is_refused(self):
        for text in ("", "unix:", "tcp::1", "tcp:host", "tcp:host:70000", "vsock:2", "vsock:a:1",
                     "vsock:2:-1", "vsock:4294967296:1", "udp:host:1"):
            with self.subTest(text), self.assertRaisesRegex(ValueError, "expected vsock"):
                Address(text)


class ConfigTest(unittest.TestCase):
    def test_the_defaults_are_the_documented_ports(self):
        config = Config("console=ttyS0 ro quiet\n")
        self.assertEqual(config.listen, "vsock:4294967295:8080")
        self.assertEqual(config.store, "vsock:2:6379")
        self.assertEqual((config.function, config.shell, config.test), ("", False, False))

    def test_words_are_taken_from_among_the_kernels_own(self):
        config = Config("quiet faasnap.function=json ro faasnap.test=1 faasnap.store=unix:/s=1")
        self.assertEqual(
            (config.function, config.test, config.store), ("json", True, "unix:/s=1")
        )

    def test_a_misspelt_word_is_an_error(self):
        with self.assertRaisesRegex(ValueError, "faasnap.funktion"):
            Config("faasnap.funktion=json")


if __name__ == "__main__":
    unittest.main()
