# SPDX-License-Identifier: Apache-2.0
"""What the agent does with eth0 for its host, in a network namespace of this machine with a neighbour
in another. Needs root and iproute2."""

import json
import os
import shutil
import subprocess
import sys
import unittest

PROBE = os.environ["NETWORK_PROBE"]
PATIENCE = 120
GUEST, OTHER = "fsnet-guest", "fsnet-other"
FIRST = {"addresses": ["10.0.0.2/24", "fd00::2/64"], "gateways": ["10.0.0.1", "fd00::1"],
         "mac": "02:00:00:00:00:05", "mtu": 1400}
SECOND = {"addresses": ["10.0.0.9/24"], "gateways": ["169.254.1.1"], "mac": "02:00:00:00:00:09",
          "dns": ["10.0.0.1", "fd00::1"]}

# A connection to the neighbour and one to itself; says what becomes of both.
CONNECTED = """
import socket
outside = socket.create_connection(("10.0.0.1", 8000), 60)
listener = socket.create_server(("127.0.0.1", 0))
inside = socket.create_connection(listener.getsockname())
other, _ = listener.accept()
print("connected", flush=True)
try:
    outside.recv(1)
except OSError as error:
    print(type(error).__name__)
inside.send(b"x")
print(other.recv(1).decode())
"""
# Accepts connections and keeps them, and prints who announces which address by ARP.
NEIGHBOUR = """
import socket, threading
listener = socket.create_server(("10.0.0.1", 8000))
kept = []
def accept():
    while True:
        kept.append(listener.accept())
threading.Thread(target=accept, daemon=True).start()
packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
packets.bind(("peer0", 0))
print("ready", flush=True)
while True:
    packet = packets.recv(2048)
    sender, target = packet[28:32], packet[38:42]
    if sender == target:
        print(packet[22:28].hex(":"), socket.inet_ntoa(sender), flush=True)
"""


def run(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)


def remove_namespaces():
    for name in (GUEST, OTHER):
        run("ip", "netns", "delete", name)


class Network(unittest.TestCase):
    def setUp(self):
        if os.geteuid() != 0 or not shutil.which("ip"):
            self.skipTest("needs root and iproute2")
        remove_namespaces()
        self.addCleanup(remove_namespaces)
        for command in (f"netns add {GUEST}", f"netns add {OTHER}",
                        f"-n {GUEST} link add eth0 type veth peer name peer0 netns {OTHER}",
                        f"-n {GUEST} link set lo up", f"-n {OTHER} link set lo up",
                        f"-n {OTHER} address add 10.0.0.1/24 dev peer0",
                        f"-n {OTHER} link set peer0 up"):
            made = run("ip", *command.split())
            if made.returncode != 0:
                self.skipTest(f"no network namespaces here: {made.stderr.strip()}")

    def start(self, place, source, says):
        process = subprocess.Popen(["ip", "netns", "exec", place, sys.executable, "-c", source],
                                   stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), says + "\n")
        return process

    @staticmethod
    def set_network(config):
        """In an /etc of its own."""
        return run("ip", "netns", "exec", GUEST, "sh", "-c",
                   'mount -t tmpfs none /etc && "$0" "$1" && cat /etc/resolv.conf 2>/dev/null || '
                   "test -z \"$(ls /etc)\"", PROBE, json.dumps(config))

    def interface(self):
        done = run("ip", "-n", GUEST, "-json", "address", "show", "dev", "eth0")
        found = json.loads(done.stdout)[0]
        addresses = {f"{info['local']}/{info['prefixlen']}" for info in found["addr_info"]
                     if info["scope"] == "global"}
        return found["address"], found["mtu"], addresses

    def routes(self):
        routes = (json.loads(run("ip", "-n", GUEST, *family, "-json", "route", "show", "default")
                             .stdout or "[]") for family in ((), ("-6",)))
        return {route["gateway"] for found in routes for route in found}

    def test_the_interface_has_what_was_asked_for_and_nothing_else(self):
        self.assertEqual(self.set_network(FIRST).stdout, "0\n")
        self.assertEqual(self.interface(), ("02:00:00:00:00:05", 1400,
                                            {"10.0.0.2/24", "fd00::2/64"}))
        self.assertEqual(self.routes(), {"10.0.0.1", "fd00::1"})
        self.assertEqual(self.set_network(SECOND).stdout,
                         "0\nnameserver 10.0.0.1\nnameserver fd00::1\n")
        self.assertEqual(self.interface(), ("02:00:00:00:00:09", 1400, {"10.0.0.9/24"}))
        self.assertEqual(self.routes(), {"169.254.1.1"})
        self.set_network({})
        self.assertEqual((self.interface()[2], self.routes()), (set(), set()))

    def test_connections_are_reset_but_for_those_inside_and_the_address_is_announced(self):
        neighbour = self.start(OTHER, NEIGHBOUR, "ready")
        self.set_network(FIRST)
        self.assertEqual(neighbour.stdout.readline(), "02:00:00:00:00:05 10.0.0.2\n")
        connected = self.start(GUEST, CONNECTED, "connected")
        self.assertEqual(self.set_network({**SECOND, "dns": []}).stdout, "1\n")
        self.assertEqual(connected.communicate(timeout=PATIENCE)[0], "ConnectionAbortedError\nx\n")
        line = neighbour.stdout.readline()
        while line == "02:00:00:00:00:05 10.0.0.2\n":
            line = neighbour.stdout.readline()
        self.assertEqual(line, "02:00:00:00:00:09 10.0.0.9\n")

    def test_what_the_kernel_or_the_form_refuses_is_named(self):
        for config, reason in (({"addresses": ["10.0.0.2"]}, "addresses: '10.0.0.2'"),
                               ({"addresses": ["10.0.0.2/0"]}, "addresses: '10.0.0.2/0'"),
                               ({"gateways": ["10.0.0.1", "10.0.0.3"]}, "one of IPv4"),
                               ({"dns": ["name"]}, "dns: 'name'"),
                               ({"mac": "01:00:00:00:00:01"}, "mac: "),
                               ({"mac": "02:00:00:00:00"}, "mac: "),
                               ({"mtu": 67}, "mtu: expected"),
                               ({"addresses": "10.0.0.2/24"}, "addresses: expected an array"),
                               ([], "expected a JSON object")):
            with self.subTest(config=config):
                self.assertIn(reason, self.set_network(config).stderr)
        run("ip", "-n", GUEST, "link", "delete", "eth0")
        self.assertIn("no interface eth0", self.set_network(FIRST).stderr)


if __name__ == "__main__":
    unittest.main()
