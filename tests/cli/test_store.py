# SPDX-License-Identifier: Apache-2.0
"""`faasnap store`: on a directory, and on a Redis server."""

import json
import os
import resource
import subprocess
import unittest

from cli_case import FAASNAP, CliCase
from redis_server import RedisServer


class Both:
    """What holds for either store; `options` name it."""

    def options(self):
        raise NotImplementedError

    def store(self, *arguments, **more):
        return self.run_cli("store", *arguments, *self.options(), **more)

    def test_what_is_put_is_listed_and_got(self):
        file = self.write("file", "content\n")
        self.assertEqual(self.store("put", "a/key", file).returncode, 0)
        self.assertEqual(self.store("put", "other", file).returncode, 0)
        done = self.store("get", "a/key")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "content\n", ""))
        self.assertEqual(self.store("get", "a/key", "out").returncode, 0)
        with open(self.path("out"), encoding="utf-8") as out:
            self.assertEqual(out.read(), "content\n")
        self.assertEqual(self.store("ls").stdout, "         8  a/key\n         8  other\n")
        self.assertEqual(self.store("ls", "a*").stdout, "         8  a/key\n")
        listed = [json.loads(line) for line in self.store("ls", "--json").stdout.splitlines()]
        self.assertEqual(listed[0], {"key": "a/key", "bytes": 8})

    def test_an_object_that_is_not_there(self):
        self.write("out", "keep")
        line = self.refused(1, "store", "get", "none", "out", *self.options(), says="'none'")
        self.assertNotIn("Traceback", line)
        self.assertEqual(sorted(os.listdir(self.dir)), self.files("out"))

    def files(self, *names):
        """What the scratch directory has, beside what the store itself needs there."""
        return sorted([*names, *self.own])

    def test_filling_puts_what_is_missing(self):
        self.write("in/a", "1")
        self.write("in/b", "22")
        self.write("in/below/c", "3")
        done = self.store("fill", "in", "--json")
        filled = json.loads(done.stdout)
        self.assertEqual((filled["put"], filled["kept"], filled["bytes"]), (2, 0, 3))
        self.write("in/a", "changed")
        self.write("in/c", "4")
        filled = json.loads(self.store("fill", "in", "--json").stdout)
        self.assertEqual((filled["put"], filled["kept"]), (1, 2))
        self.assertEqual(self.store("get", "a").stdout, "1")
        filled = json.loads(self.store("fill", "in", "--replace", "--json").stdout)
        self.assertEqual((filled["put"], filled["kept"]), (3, 0))
        self.assertEqual(self.store("get", "a").stdout, "changed")

    def test_a_large_value_passes_in_little_memory(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_DATA, (64 << 20, 64 << 20))

        size = self.largest
        for command in (("put", "large", "large"), ("get", "large", "back")):
            with open(self.path("large"), "wb") as file:
                file.truncate(size)
                file.seek(size - 7)
                file.write(b"the end")
            done = subprocess.run([FAASNAP, "store", *command, *self.options()], cwd=self.dir,
                                  env=self.env, preexec_fn=limit, stderr=subprocess.PIPE,
                                  stdin=subprocess.DEVNULL, timeout=120, text=True, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
        with open(self.path("back"), "rb") as file:
            self.assertEqual(file.seek(0, os.SEEK_END), size)
            file.seek(size - 8)
            self.assertEqual(file.read(), b"\0the end")

    def test_what_no_store_takes(self):
        file = self.write("file", "x")
        self.refused(1, "store", "put", "k" * 513, file, *self.options(), says="513")
        with open(self.path("large"), "wb") as large:
            large.truncate((512 << 20) + 1)
        self.refused(1, "store", "put", "k", "large", *self.options(), says="512 MiB")
        self.refused(1, "store", "put", "k", "none", *self.options(), says="none")
        self.refused(1, "store", "put", "k", self.dir, *self.options(), says=self.dir)
        self.refused(1, "store", "fill", "none", *self.options(), says="none")


class InDirectory(Both, CliCase):
    own = ("objects",)
    largest = 128 << 20

    def options(self):
        return ("--store", self.path("objects"))


class InRedis(Both, CliCase):
    own = ("redis-server",)
    # Half of what it takes: for the whole a server on a busy host is silent for longer than is waited.
    largest = 256 << 20

    def setUp(self):
        super().setUp()
        self.server = RedisServer(self.dir)
        self.addCleanup(self.server.stop)

    def options(self):
        return ("--redis", self.server.address)

    def test_a_server_that_is_down(self):
        file = self.write("file", "x")
        self.server.stop()
        for command in (("put", "k", file), ("get", "k"), ("ls",), ("fill", self.dir)):
            self.refused(1, "store", *command, *self.options(), says=self.server.address)


class Password(CliCase):
    def setUp(self):
        super().setUp()
        self.server = RedisServer(self.dir, "--requirepass", "secret")
        self.addCleanup(self.server.stop)

    def config(self, lines):
        return self.write("faasnap.toml", f'[store]\nredis = "{self.server.address}"\n{lines}\n')

    def test_it_comes_from_the_settings_file_or_a_file_that_this_names(self):
        self.write("password", "secret\n")
        for lines in ('password = "secret"', 'password_file = "password"'):
            done = self.run_cli("store", "ls", "--config", self.config(lines))
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_without_the_right_one_nothing_is_done(self):
        self.refused(1, "store", "ls", "--config", self.config(""), says="NOAUTH")
        wrong = self.config('password = "wrong"')
        line = self.refused(1, "store", "ls", "--config", wrong, says="WRONGPASS")
        self.assertNotIn("secret", line)
        self.refused(1, "store", "ls", "--config", self.config('password_file = "none"'),
                     says="none")
        self.refused(2, "store", "ls", "--config",
                     self.config('password = "a"\npassword_file = "b"'), says="password_file")

    def test_the_doctor_asks_with_it(self):
        for lines, good in (('password = "secret"', True), ("", False)):
            report = json.loads(
                self.run_cli("doctor", "--json", "--config", self.config(lines)).stdout)
            check = next(c for c in report["checks"] if c["name"] == "redis")
            self.assertEqual(check["ok"], good, check)

    def test_the_functions_store_is_tried_before_anything_is_done(self):
        for name in ("vmlinux", "initramfs", "rootfs.img", "inputs/k"):
            self.write(os.path.join("images", name), "x")
        self.refused(1, "record", "hello", "--input", "{}", "--snapshot", "s", "--images",
                     self.path("images"), "--config", self.config(""), says="NOAUTH")


class Usage(CliCase):
    def test_what_is_to_be_done_must_be_said(self):
        self.refused(2, "store", says=("put", "fill", "store --help"))
        self.refused(2, "store", "frobnicate", says="'frobnicate'")
        self.refused(2, "store", "put", "k", says="FILE is missing")
        self.refused(2, "store", "get", says="KEY is missing")
        self.refused(2, "store", "get", "a", "b", "c", says="'c'")

    def test_one_store_at_a_time(self):
        self.refused(2, "store", "ls", "--store", "a", "--redis", "h:1", says="--redis")
        both = self.write("both.toml", '[store]\ndir = "a"\nredis = "h:1"\n')
        self.refused(2, "store", "ls", "--config", both, says="redis")

    def test_settings_of_what_guests_may_do(self):
        good = self.write("good.toml", '[store]\ndir = "a"\nread_only = true\nquota = "1G"\n')
        self.assertEqual(self.run_cli("store", "ls", "--config", good).returncode, 0)
        for line in ("read_only = 1", 'quota = "much"'):
            bad = self.write("bad.toml", f'[store]\ndir = "a"\n{line}\n')
            self.refused(2, "store", "ls", "--config", bad, says=("bad.toml:3", line.split()[0]))

    def test_addresses_that_are_none(self):
        for address in ("host", "host:0", "host:x", "host:70000"):
            self.refused(1, "store", "ls", "--redis", address, says=address)

    def test_settings_of_tls_need_tls(self):
        config = self.write("tls.toml", '[store]\nredis = "h:1"\ntls_ca = "ca.pem"\n')
        self.refused(2, "store", "ls", "--config", config, says="tls = true")


if __name__ == "__main__":
    unittest.main()
