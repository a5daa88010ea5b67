# SPDX-License-Identifier: Apache-2.0
"""Signing a snapshot, and opening it with trusted keys."""

import json
import os
import subprocess
import unittest

from cli_case import CliCase

# As `openssl genpkey -algorithm ED25519` and `openssl pkey -pubout` wrote them.
PRIVATE = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINg/U87EBhDc6Y449yi3ngrRXTSlM9lZ4thaYl0ouBoc
-----END PRIVATE KEY-----
"""
PUBLIC = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEARyjNx6rVb1bvbTXbg1nVsKN0dutGPLNAr8h0b+yjmwE=
-----END PUBLIC KEY-----
"""
OTHER = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAg36au2QxcygaSDInWA+nm+lDbsXVD5TN9W6mnle4C6c=
-----END PUBLIC KEY-----
"""
KEY_ID = "6901506f75c534f7e19b9f0c8f123aec675404fbb9daec91e4c3bb24b6c57cd9"


class Signature(CliCase):
    def setUp(self):
        super().setUp()
        subprocess.run([os.environ["MAKE_SNAPSHOT"], self.path("bare"), self.path("s")], check=True,
                       timeout=60)
        self.write("private.pem", PRIVATE)
        self.write("public.pem", PUBLIC)
        self.write("other.pem", OTHER)

    def test_a_snapshot_is_signed_and_opens_with_the_key(self):
        self.refused(1, "inspect", "s", "--trusted-key", "public.pem",
                     says=("s/signature", "not signed", KEY_ID, "public.pem"))
        self.assertIn("signature     none\n", self.works("inspect", "s"))
        self.assertIn(KEY_ID, self.works("snapshot", "sign", "s", "--key", "private.pem"))
        self.assertIn(f"signed by key {KEY_ID}",
                      self.works("verify", "s", "--trusted-key", "public.pem"))
        self.works("snapshot", "verify", "s", "--trusted-key", "other.pem", "--trusted-key",
                   "public.pem")
        self.assertIn(f"by key {KEY_ID}, not checked", self.works("inspect", "s"))
        shown = json.loads(self.works("inspect", "s", "--json", "--trusted-key", "public.pem"))
        self.assertEqual((shown["signing_key"], shown["signature_checked"]), (KEY_ID, True))

    def test_another_snapshot_and_another_key_are_refused_by_all_that_open(self):
        self.works("snapshot", "sign", "s", "--key", "private.pem")
        for command in (("inspect", "s"), ("verify", "s"), ("invoke", "s"),
                        ("snapshot", "push", "s", "--redis", "h:1", "--catalogue", ".")):
            with self.subTest(command):
                self.refused(1, *command, "--trusted-key", "other.pem",
                             says=("s/signature", KEY_ID, "other.pem"))
                self.refused(1, *command, "--trusted-key", "none.pem", says="none.pem")
        os.rename(self.path("s", "signature"), self.path("bare", "signature"))
        self.refused(1, "verify", "bare", "--trusted-key", "public.pem",
                     says=("bare/manifest", KEY_ID, "signed again"))

    def test_a_base_that_no_trusted_key_has_signed_is_recorded_on_by_nobody(self):
        for name in ("vmlinux", "initramfs", "rootfs.img"):
            self.write(os.path.join("images", name), "x")
        record = ("record", "hello", "--images", "images", "--snapshot", "new")
        settings = self.write("keys.toml", '[restore]\ntrusted_keys = ["public.pem"]\n')
        self.refused(1, *record, "--base", "s", "--trusted-key", "public.pem",
                     says=("s/signature", "not signed", KEY_ID))
        self.refused(1, *record, "--base", "s", "--config", settings, says="not signed")
        self.works("snapshot", "sign", "s", "--key", "private.pem")
        self.refused(1, *record, "--base", "s", "--trusted-key", "other.pem",
                     says=("s/signature", KEY_ID, "other.pem"))
        self.assertFalse(os.path.exists(self.path("new")))
        # With a key that is trusted it comes as far as the recorder, which looks at the target.
        os.mkdir(self.path("new"))
        self.refused(1, *record, "--base", "s", "--trusted-key", "public.pem",
                     says=("new", "already exists"))
        self.refused(2, *record, "--trusted-key", "public.pem", says=("--trusted-key", "--base"))

    def test_the_settings_file_names_trusted_keys(self):
        settings = self.write("keys.toml", '[restore]\ntrusted_keys = ["public.pem"]\n')
        self.refused(1, "verify", "s", FAASNAP_CONFIG=settings, says="not signed")
        self.refused(1, "invoke", "s", "--config", settings, says="not signed")
        self.works("snapshot", "sign", "s", "--key", "private.pem")
        self.works("verify", "s", "--config", settings)
        for bad in ("[]", '"public.pem"', "[1]"):
            broken = self.write("bad.toml", f"[restore]\ntrusted_keys = {bad}\n")
            self.refused(2, "verify", "s", "--config", broken, says="bad.toml:2")

    def test_a_key_must_be_one(self):
        self.refused(2, "snapshot", "sign", "s", says="--key")
        self.refused(1, "snapshot", "sign", "s", "--key", "public.pem",
                     says=("public.pem", "private key of Ed25519"))
        self.refused(1, "verify", "s", "--trusted-key", "private.pem",
                     says=("private.pem", "public key of Ed25519"))
        self.assertFalse(os.path.exists(self.path("s", "signature")))


if __name__ == "__main__":
    unittest.main()
