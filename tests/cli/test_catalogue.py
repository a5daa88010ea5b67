# SPDX-License-Identifier: Apache-2.0
"""`faasnap snapshot`: between two hosts, which are two network namespaces."""

import json
import os
import shutil
import subprocess
import unittest

from cli_case import FAASNAP, CliCase
from redis_server import RedisServer

MAKE_SNAPSHOT = os.environ["MAKE_SNAPSHOT"]


class CatalogueCase(CliCase):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path("shared"))
        self.make("s")

    def make(self, name):
        subprocess.run([MAKE_SNAPSHOT, self.path("bare"), self.path(name)], check=True, timeout=60)
        shutil.rmtree(self.path("bare"))

    def use(self, address, more=""):
        self.env["FAASNAP_CONFIG"] = self.write(
            "faasnap.toml", f'[catalogue]\nredis = "{address}"\ndir = "shared"\n{more}')

    def same_files(self, first, second):
        names = sorted(os.listdir(self.path(first)))
        self.assertEqual(sorted(os.listdir(self.path(second))), names)
        self.assertIn("memory", names)
        for name in names:
            with open(self.path(first, name), "rb") as a, open(self.path(second, name), "rb") as b:
                self.assertEqual(a.read(), b.read(), name)


class OneHost(CatalogueCase):
    def setUp(self):
        super().setUp()
        self.server = RedisServer(self.dir)
        self.addCleanup(self.server.stop)
        self.use(self.server.address)

    def test_a_snapshot_is_pushed_listed_and_pulled(self):
        self.assertEqual(self.run_cli("snapshot", "push", "s").stdout, "s: version 1 published\n")
        self.assertEqual(self.run_cli("snapshot", "push", "s/").stdout, "s: version 1 already published\n")
        pushed = json.loads(self.run_cli("snapshot", "push", "s", "json", "--json").stdout)
        self.assertEqual((pushed["name"], pushed["version"]), ("json", 1))
        listed = [json.loads(line)
                  for line in self.run_cli("snapshot", "ls", "--json").stdout.splitlines()]
        self.assertEqual([entry["name"] for entry in listed], ["json", "s"])
        self.assertEqual(listed[0]["labels"], {"function": "none"})
        self.assertIn(pushed["id"], self.run_cli("snapshot", "ls").stdout)
        self.assertEqual(self.run_cli("snapshot", "pull", "json", "p").returncode, 0)
        self.same_files("s", "p")
        self.refused(1, "snapshot", "pull", "json", "p", says="p")
        self.refused(1, "snapshot", "pull", "none", "q", says="none")
        self.refused(1, "snapshot", "pull", "json", "q", "--version", "2", says="version")
        self.refused(1, "snapshot", "ls", "none", says="none")

    def test_a_damaged_snapshot_is_not_pushed(self):
        with open(self.path("s", "memory"), "r+b") as memory:
            memory.write(b"damage")
        self.refused(1, "snapshot", "push", "s", says="memory")
        self.assertEqual(self.run_cli("snapshot", "ls", "--json").stdout, "")
        self.assertEqual(os.listdir(self.path("shared")), [])

    def test_another_image_does_not_take_the_name(self):
        self.make("t")
        self.run_cli("snapshot", "push", "s", "json")
        self.refused(1, "snapshot", "push", "t", "json", says="another image")
        self.assertEqual(self.run_cli("snapshot", "push", "t", "json", "--replace").returncode, 0)

    def test_what_an_interrupted_push_has_left_is_listed(self):
        self.run_cli("snapshot", "push", "s")
        whole = self.run_cli("snapshot", "ls").stdout
        left = self.write("shared/.new-0123456789abcdef", "x")
        listed = self.run_cli("snapshot", "ls").stdout
        self.assertTrue(listed.startswith(whole))
        self.assertIn(left, listed)
        self.assertIn(f"faasnap snapshot prune {self.path('shared')}", listed)
        lines = self.run_cli("snapshot", "ls", "--json").stdout.splitlines()
        self.assertEqual(json.loads(lines[-1])["leftover"], left)
        self.assertEqual(len(lines), 2)

    def test_functions_cannot_reach_it(self):
        self.run_cli("snapshot", "push", "s")
        redis = ("--redis", self.server.address)
        listed = self.run_cli("snapshot", "ls").stdout
        self.assertEqual(self.run_cli("store", "ls", *redis).stdout, "")
        done = self.run_cli("store", "put", "faasnap:snapshot:s", "faasnap.toml", *redis)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(self.run_cli("snapshot", "ls").stdout, listed)

    def test_a_server_that_is_down(self):
        self.server.stop()
        for command in (("ls",), ("push", "s"), ("pull", "s", "p")):
            self.refused(1, "snapshot", *command, says=self.server.address)
        self.assertFalse(os.path.exists(self.path("p")))


class TwoHosts(CatalogueCase):
    """A Redis server on the first host, and a directory that both see."""

    ADDRESSES = ("192.0.2.1", "192.0.2.2")

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("making network namespaces takes root")
        if shutil.which("ip") is None:
            self.skipTest("there is no ip; Debian's iproute2 has it")
        self.hosts = [f"faasnap-{os.getpid()}-{number}" for number in (1, 2)]
        for host in self.hosts:
            made = subprocess.run(["ip", "netns", "add", host], capture_output=True, text=True,
                                  check=False)
            if made.returncode != 0:
                self.skipTest(f"no network namespaces here: {made.stderr.strip()}")
            self.addCleanup(subprocess.run, ["ip", "netns", "delete", host], check=False)
        link = ["ip", "link", "add", "faasnap0", "netns", self.hosts[0], "type", "veth",
                "peer", "name", "faasnap0", "netns", self.hosts[1]]
        made = subprocess.run(link, capture_output=True, text=True, check=False)
        if made.returncode != 0:
            self.skipTest(f"no virtual Ethernet here: {made.stderr.strip()}")
        for host, address in zip(self.hosts, self.ADDRESSES):
            ip = ["ip", "-n", host]
            subprocess.run([*ip, "address", "add", f"{address}/24", "dev", "faasnap0"], check=True)
            # A host reaches its own addresses through lo.
            for device in ("lo", "faasnap0"):
                subprocess.run([*ip, "link", "set", device, "up"], check=True)

    def on(self, number, *arguments):
        done = subprocess.run(
            ["ip", "netns", "exec", self.hosts[number], FAASNAP, *arguments], cwd=self.dir,
            env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
            check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def test_what_one_pushes_the_other_pulls_and_can_open(self):
        server = RedisServer(self.dir, "--requirepass", "secret", host=self.ADDRESSES[0],
                             port=6379, prefix=("ip", "netns", "exec", self.hosts[0]))
        self.addCleanup(server.stop)
        self.use(server.address, 'password = "secret"\n')
        self.on(0, "snapshot", "push", "s", "hello")
        self.assertIn("hello", self.on(1, "snapshot", "ls"))
        os.mkdir(self.path("host2"))
        self.on(1, "snapshot", "pull", "hello", "host2/hello")
        self.same_files("s", "host2/hello")
        self.assertIn("all checksums match", self.on(1, "verify", "host2/hello"))
        plan = json.loads(self.on(1, "inspect", "host2/hello", "--plan", "faasnap", "--json"))
        self.assertTrue(plan["mappings"])


class Usage(CliCase):
    def test_what_is_to_be_done_must_be_said(self):
        self.refused(2, "snapshot", says=("push", "pull", "snapshot --help"))
        self.refused(2, "snapshot", "push", "--redis", "h:1", "--catalogue", "d",
                     says="DIR is missing")
        self.refused(2, "snapshot", "pull", "name", says="DIR is missing")
        self.refused(2, "snapshot", "pull", "name", "d", "--version", "0", says="--version")

    def test_server_and_directory_must_be_known(self):
        self.refused(2, "snapshot", "ls", says="--redis")
        self.refused(2, "snapshot", "ls", "--redis", "h:1", says="--catalogue")
        self.refused(1, "snapshot", "ls", "--redis", "h:1", "--catalogue", "none", says="none")


if __name__ == "__main__":
    unittest.main()
