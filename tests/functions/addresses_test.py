# SPDX-License-Identifier: Apache-2.0
"""Addresses as text."""

import socket
import unittest

import support  # noqa: F401 (puts the runtime on the path)

from faasnap_runtime.addresses import Address


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


if __name__ == "__main__":
    unittest.main()
