#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A guest's network with real guests: network_test.py FAASNAP.

Each VM is in a network namespace of its own, with a tap or passt. A guest fetches by HTTP from a
server in another namespace and serves a client there, before and after a restore, and many clones do
so at once with the same address. Needs root, KVM, iproute2, passt, and an image whose init is
faasnap-init in FAASNAP_IMAGES; ends with 4, which CTest counts as skipped, where one is missing.
"""

import contextlib
import ctypes
import http.client
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

CLONES = 8
PORT = 8080
PATIENCE = 300
CLONE_NEWNET = 0x40000000
SERVER = "fsnet-server"
GUEST_ADDRESS = "10.0.0.2"
TAP = ["--network", "tap:tap0", "--address", f"{GUEST_ADDRESS}/24", "--gateway", "10.0.0.1",
       "--dns", "10.0.0.1"]
PASST = ["--network", "passt", "--forward", str(PORT)]

FUNCTION = '''
import http.server, socket, threading, time, urllib.request, uuid

served = []
kept = []


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"guest"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        served.append(self.path)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("", 8080), Answer)
threading.Thread(target=server.serve_forever, daemon=True).start()


def end_of_kept():
    """What becomes of the connection that was open when the snapshot was taken."""
    if not kept:
        return "none"
    kept[0].settimeout(5)
    try:
        return repr(kept[0].recv(1))
    except OSError as error:
        return type(error).__name__


def handle(event, store):
    before = len(served)
    old = end_of_kept()
    kept[:] = [socket.create_connection((event["host"], 8080), timeout=120)]
    with urllib.request.urlopen(f"http://{event['host']}:8080/", timeout=120) as reply:
        text = reply.read().decode()
    end = time.monotonic() + 120
    while len(served) == before and time.monotonic() < end:
        time.sleep(0.02)
    return {"fetched": text, "served": len(served) - before, "old": old,
            "dns": open("/etc/resolv.conf").read(),
            "mac": open("/sys/class/net/eth0/address").read().strip()}
'''


def run(*command, check=True):
    return subprocess.run(command, check=check, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)


def missing():
    """Why nothing can be tested here, or an empty string."""
    if os.geteuid() != 0:
        return "needs root, for network namespaces"
    if not all(shutil.which(program) for program in ("ip", "passt")):
        return "needs the packages iproute2 and passt"
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "needs KVM"
    run("modprobe", "tun", check=False)
    made = run("ip", "netns", "add", SERVER, check=False)
    if made.returncode != 0:
        return "no network namespaces: " + made.stderr.strip()
    run("ip", "netns", "delete", SERVER)
    return ""


@contextlib.contextmanager
def namespace(name):
    """The calling thread is in a network namespace until the block ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net", "rb") as own, open(f"/run/netns/{name}", "rb") as other:
        if libc.setns(other.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        try:
            yield
        finally:
            libc.setns(own.fileno(), CLONE_NEWNET)


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"server {self.server.number}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    """Answers what comes in by the interface `device`, one of many that lead to the same address."""

    daemon_threads = True

    def __init__(self, number, device):
        self.number = number
        self.device = device
        with namespace(SERVER):
            super().__init__(("", PORT), Answer)

    def server_bind(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self.device.encode())
        super().server_bind()

    def handle_error(self, *_):
        """Restored guests reset the connections that they had; there is nothing to report."""


class Client(threading.Thread):
    """Fetches from a guest behind the interface `device` again and again."""

    def __init__(self, device, address):
        super().__init__()
        self.device = device
        self.address = address
        self.replies = []
        self.ended = threading.Event()

    def run(self):
        with namespace(SERVER):
            while not self.ended.wait(1):
                with contextlib.suppress(OSError, http.client.HTTPException):
                    self.replies.append(self.fetch())

    def fetch(self):
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self.device.encode())
            connection.settimeout(60)
            connection.connect((self.address, PORT))
            client = http.client.HTTPConnection(self.address)
            client.sock = connection
            client.request("GET", "/")
            return client.getresponse().read().decode()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join(PATIENCE)


def ip(lines, place=None):
    """Carries out the lines in one process, in a namespace."""
    inside = ["-n", place] if place else []
    subprocess.run(["ip", *inside, "-batch", "-"], input="\n".join(lines), check=True, text=True)


def make_namespaces():
    """The server's, and for each VM one with a tap and a way to the server."""
    ip(f"netns add {name}" for name in (SERVER, *map("fsnet-{}".format, range(CLONES))))
    ways = ["link set lo up"]
    for number in range(CLONES):
        device = f"vm{number}"
        ways += [f"link add {device} type veth peer name up0 netns fsnet-{number}",
                 f"address add 10.9.{number}.1/24 dev {device}",
                 f"link set {device} up"]
    ip(ways, SERVER)
    for number in range(CLONES):
        ip(["link set lo up", f"address add 10.9.{number}.2/24 dev up0", "link set up0 up",
            "tuntap add dev tap0 mode tap", "address add 10.0.0.1/24 dev tap0", "link set tap0 up",
            f"route add default via 10.9.{number}.1"], f"fsnet-{number}")
        with namespace(f"fsnet-{number}"), open("/proc/sys/net/ipv4/ip_forward", "w") as forward:
            forward.write("1")
    # Every guest has the same address: the interface tells them apart.
    ip((f"route add {GUEST_ADDRESS}/32 via 10.9.{number}.2 dev vm{number} metric {number + 1}"
        for number in range(CLONES)), SERVER)


def remove_namespaces():
    for name in [SERVER, *(f"fsnet-{number}" for number in range(CLONES))]:
        run("ip", "netns", "delete", name, check=False)


class Network(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.addClassCleanup(remove_namespaces)
        make_namespaces()
        data = os.environ.get("FAASNAP_DATA", "/data")
        os.makedirs(data, exist_ok=True)
        folder = tempfile.TemporaryDirectory(prefix="network-", dir=data)
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        with open(os.path.join(cls.folder, "web.py"), "w", encoding="utf-8") as file:
            file.write(FUNCTION)
        os.environ["XDG_DATA_HOME"] = cls.folder
        # Named as a function of the image, so that `record` can ask for it.
        config = {"Env": ["FAASNAP_FUNCTIONS=/var/task"], "Faasnap": {"Name": ""}}
        cls.faasnap("image", "make", "web", "--from", os.path.join(cls.folder, "web.py"),
                    "--handler", "web.handle", "--image-config", json.dumps(config))
        for number in range(CLONES):
            server = Server(number, f"vm{number}")
            threading.Thread(target=server.serve_forever, daemon=True).start()
            cls.addClassCleanup(server.server_close)
            cls.addClassCleanup(server.shutdown)

    @staticmethod
    def faasnap(*arguments, place=None):
        inside = ["ip", "netns", "exec", place] if place else []
        began = time.monotonic()
        done = run(*inside, FAASNAP, *arguments, check=False)
        print(f"{time.monotonic() - began:6.1f} s  faasnap {arguments[0]} in {place}", flush=True)
        if done.returncode != 0:
            raise AssertionError(f"faasnap {arguments[0]}: {done.stderr}")
        return done.stdout

    def record(self, name, *network):
        snapshot = os.path.join(self.folder, name)
        self.addCleanup(shutil.rmtree, snapshot, True)
        text = self.faasnap("record", "web", "--image", "web", "--snapshot", snapshot,
                            "--memory", "256M", "--input", '{"host": "10.9.0.1"}', "--free-memory",
                            "keep", "--json", *network, place="fsnet-0")
        return snapshot, json.loads(text)["result"]

    def invoke(self, snapshot, number, *network):
        text = self.faasnap("invoke", snapshot, "--allow-images", self.folder, "--json", "--input",
                            json.dumps({"host": f"10.9.{number}.1"}), *network,
                            place=f"fsnet-{number}")
        return json.loads(text)

    def check(self, result, number):
        self.assertEqual(result["fetched"], f"server {number}")
        # By the guest's agent, or, where that came first, by passt, which knows no such connection.
        self.assertIn(result["old"], ("ConnectionAbortedError", "ConnectionResetError"))
        self.assertGreater(result["served"], 0)

    def test_a_tap_before_and_after_restores_and_many_clones_with_one_address(self):
        with Client("vm0", GUEST_ADDRESS) as client:
            snapshot, result = self.record("tap", *TAP)
            self.check(result, 0)
            self.assertEqual(result["dns"], "nameserver 10.0.0.1\n")
        self.assertEqual(set(client.replies), {"guest"})

        results = {}
        threads = [threading.Thread(target=lambda n=n: results.update(
            {n: self.invoke(snapshot, n, *TAP)})) for n in range(CLONES)]
        with contextlib.ExitStack() as clients:
            for number in range(CLONES):
                clients.enter_context(Client(f"vm{number}", GUEST_ADDRESS))
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(PATIENCE)
        self.assertEqual(sorted(results), list(range(CLONES)))
        for number, record in sorted(results.items()):
            self.check(record["result"], number)
            self.assertGreater(record["network_ns"], 0)

        # Another address, gateway and Ethernet address than those of the recording.
        ip(["address add 10.5.0.1/24 dev tap0"], "fsnet-1")
        ip(["route add 10.5.0.0/24 via 10.9.1.2"], SERVER)
        with Client("vm1", "10.5.0.7"):
            record = self.invoke(snapshot, 1, "--network", "tap:tap0", "--address", "10.5.0.7/24",
                                 "--gateway", "10.5.0.1", "--mac", "02:00:00:00:05:07")
        self.check(record["result"], 1)
        self.assertEqual(record["result"]["mac"], "02:00:00:00:05:07")

    def test_passt_before_and_after_a_restore(self):
        with Client("vm0", "10.9.0.2") as client:
            snapshot, result = self.record("passt", *PASST)
            self.check(result, 0)
            self.check(self.invoke(snapshot, 0, *PASST)["result"], 0)
        self.assertEqual(set(client.replies), {"guest"})


if __name__ == "__main__":
    FAASNAP = sys.argv.pop(1)
    reason = missing()
    if reason:
        print("SKIP:", reason)
        sys.exit(4)
    unittest.main()
