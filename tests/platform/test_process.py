# SPDX-License-Identifier: Apache-2.0
"""The platform as a process: how it starts, what it refuses, and how it ends."""

import http.client
import os
import shutil
import socket
import subprocess
import time
import unittest

from platform_case import PLATFORM, PlatformCase

# ./dev setup has it from Debian's package; a developer may have it installed.
PROMTOOL = shutil.which(os.environ.get("FAASNAP_PROMTOOL", "promtool"))


class ProcessTest(PlatformCase):
    def test_wrong_options_and_settings_are_one_clear_line(self):
        self.does_not_start(2, "--prot", says="prot")
        self.does_not_start(2, "argument", says="argument")
        self.does_not_start(1, "--config", self.path("none.toml"), says="none.toml")
        self.does_not_start(1, "--config", self.write_config(prot=1), says="prot: unknown key")

    def test_help_and_version_are_printed(self):
        for option, says in (("--help", "--config FILE"), ("--version", "faasnap-platform ")):
            done = subprocess.run([PLATFORM, option], text=True, capture_output=True, timeout=60,
                                  check=True)
            self.assertIn(says, done.stdout)

    def test_a_second_platform_of_one_state_directory_is_refused(self):
        self.start()
        self.does_not_start(1, "--config", self.write_config(), "--without-kvm",
                            says="in use by another platform")

    def test_a_port_in_use_is_refused(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            self.does_not_start(1, "--config", self.write_config(port=port), "--without-kvm",
                                says=f"cannot listen on 127.0.0.1 port {port}")

    def test_sigterm_ends_it_although_connections_are_open(self):
        server = self.start()
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        self.addCleanup(connection.close)
        connection.request("GET", "/healthz")
        self.assertEqual(connection.getresponse().read(), b'{"status": "ok"}\n')
        begun = time.monotonic()
        self.assertEqual(server.end(), 0)
        self.assertLess(time.monotonic() - begun, 20)
        # Its port is free at once.
        again = self.start(port=server.port)
        self.assertEqual(again.port, server.port)

    def test_sigterm_ends_it_as_soon_as_it_listens(self):
        for _ in range(10):
            self.assertEqual(self.start().end(), 0)

    def test_without_kvm_it_says_so_and_does_not_start(self):
        kvm = subprocess.run([PLATFORM, "--config", self.write_config(host="256.0.0.0")], text=True,
                             capture_output=True, timeout=60, check=False)
        if "no VM can run" not in kvm.stderr:
            self.skipTest("VMs run on this host")
        self.does_not_start(1, "--config", self.write_config(), says="no VM can run on this host")

    def test_it_serves_a_socket_of_systemd_and_tells_it_when_it_is_ready(self):
        config = self.write_config()
        heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        heard.bind(self.path("notify"))
        heard.settimeout(60)
        with heard, socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            # As systemd starts a service: the socket is descriptor 3.
            process = subprocess.Popen(
                ["sh", "-c", 'exec 3<&"$0"; export LISTEN_PID=$$; exec "$@"',
                 str(listener.fileno()), PLATFORM, "--config", config, "--without-kvm"],
                pass_fds=[listener.fileno()], stderr=subprocess.DEVNULL,
                env={**os.environ, "LISTEN_FDS": "1", "NOTIFY_SOCKET": self.path("notify"),
                     "WATCHDOG_USEC": "200000"})
            self.addCleanup(process.kill)
            self.assertEqual(heard.recv(100), b"READY=1")
            self.assertEqual(heard.recv(100), b"WATCHDOG=1")
        connection = http.client.HTTPConnection("127.0.0.1", port)
        self.addCleanup(connection.close)
        connection.request("GET", "/healthz")
        self.assertEqual(connection.getresponse().status, 200)
        process.terminate()
        self.assertEqual(process.wait(timeout=60), 0)

    @unittest.skipUnless(PROMTOOL, "promtool is missing; ./dev setup gets it")
    def test_the_metrics_are_as_prometheus_wants_them(self):
        metrics = self.start().request("GET", "/metrics")[2]
        done = subprocess.run([PROMTOOL, "check", "metrics"], input=metrics, capture_output=True,
                              timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, b""))

    def test_the_page_is_self_contained_and_has_its_data(self):
        self.make_image("hello")
        server = self.start()
        server.json("POST", "/2015-03-31/functions",
                    '{"FunctionName": "f", "Code": {"ImageUri": "hello"}}')
        status, headers, page = server.request("GET", "/ui")
        self.assertEqual((status, headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        self.assertIn(b"ui/data", page)
        self.assertNotIn(b"://", page)
        data = server.json("GET", "/ui/data")
        self.assertEqual([each["name"] for each in data["functions"]], ["f"])
        self.assertEqual((data["vms"], data["running"]), ([], 0))
