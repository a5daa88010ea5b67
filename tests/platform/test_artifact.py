# SPDX-License-Identifier: Apache-2.0
"""The artifact's interface without a guest: forms of errors, lists, paths. artifact_in_guests runs
what needs guests."""

import os
import subprocess
import time

from artifact_case import LISTEN, Client, Refused
from platform_case import PLATFORM, PlatformCase

NETWORK = {"host_dev_name": "vmtap0", "iface_id": "eth0", "guest_mac": "AA:FC:00:00:00:01",
           "guest_addr": "172.16.0.2", "unique_addr": "192.168.0.3"}
FUNCTION = {"func_name": "hello", "image": "debian", "kernel": "v4.14", "vcpu": 2}
SNAPSHOT = {"vmId": "none", "snapshot_type": "Full", "snapshot_path": "/s", "mem_file_path": "/m",
            "version": "0.23.0"}


class ArtifactTest(PlatformCase):
    def setUp(self):
        super().setUp()
        self.make_image("debian")
        self.server = self.start(artifact={"listen": LISTEN, "directory": self.path("snapshots")})
        self.client = Client(self.server.log)
        self.addCleanup(self.client.close)

    def refused(self, status, method, path, body=None, says="", code=None, **query):
        """`code`: the form of what does not fit the schema; without it, of what fails."""
        with self.assertRaises(Refused) as caught:
            self.client.call(method, path, body, **query)
        error = caught.exception
        self.assertEqual(error.status, status, error)
        self.assertEqual(error.headers["Content-Type"], "application/json")
        if status != 501:
            self.assertEqual(list(error.body), ["message"] if code is None else ["code", "message"])
            self.assertEqual(error.body.get("code"), code)
        self.assertIn(says, error.body if status == 501 else error.body["message"])
        return error

    def test_networks_and_functions_are_registered_with_empty_replies(self):
        for method, path, body in (("PUT", "/net-ifaces/fc1", NETWORK),
                                   ("PUT", "/net-ifaces/fc1", NETWORK),
                                   ("POST", "/functions", FUNCTION)):
            status, headers, content = self.client.send(method, path, body)
            self.assertEqual((status, headers["Content-Type"], content), (200, None, b""))
        self.client.call("POST", "/functions", {"func_name": "f", "image": "debian:latest",
                                                "kernel": "sanpage", "mem_size": 256})
        self.assertEqual(self.client.call("GET", "/functions"), [
            {"func_name": "f", "image": "debian:latest", "kernel": "sanpage", "vcpu": 2,
             "mem_size": 256}, {**FUNCTION, "mem_size": 2048}])
        state = self.client.call("GET", "/ui/data")
        self.assertEqual(list(state["functionManager"]["functions"]), ["f", "hello"])
        self.assertEqual(state["vmController"]["netInterfaces"], ["fc1"])
        # Functions of Lambda's interface are others.
        self.assertEqual(self.server.json("GET", "/2015-03-31/functions")["Functions"], [])

    def test_a_function_that_cannot_be_is_refused_by_the_member(self):
        self.client.call("POST", "/functions", FUNCTION)
        self.refused(400, "POST", "/functions", FUNCTION, says="func_name 'hello': already exists")
        for member, value, says in (("image", "none", "image: "), ("image", "../x", "image: "),
                                    ("kernel", "", "kernel: "), ("vcpu", 9, "vcpu 9: "),
                                    ("vcpu", -1, "vcpu -1: "), ("mem_size", 64, "mem_size 64: "),
                                    ("func_name", "", "func_name: ")):
            self.refused(400, "POST", "/functions", {**FUNCTION, "func_name": "g", member: value},
                         says=says)
        self.refused(422, "POST", "/functions", {"image": "debian"}, code=602,
                     says="func_name in body is required")

    def test_what_does_not_fit_the_schema_has_a_code(self):
        for body in ("{", "", "[]", '{"func_name": 1}', '{"func_name": "a", "vcpu": "2"}',
                     '{"func_name": "a", "vcpu": 1e30}', '{"func_name": "a", "vcpu": 2.5}'):
            self.refused(400, "POST", "/functions", body, code=400)
        self.refused(400, "POST", "/invocations", {"func_name": "f", "loadMincore": [1, "2"],
                                                   "ssId": "x"}, code=400, says="loadMincore")
        self.refused(422, "POST", "/invocations", {}, code=602, says="func_name")
        self.refused(422, "PATCH", "/snapshots/x/mincore", "", code=602)
        self.refused(404, "GET", "/nothing", code=404, says="path /nothing was not found")
        self.refused(404, "GET", "/vms/", code=404)
        self.refused(404, "GET", "/ui", code=404)
        error = self.refused(405, "PATCH", "/vms", {}, code=405, says="method PATCH is not allowed")
        self.assertEqual(error.headers["Allow"], "GET,POST")
        self.refused(405, "POST", "/net-ifaces/fc1", {}, code=405)
        for kind in ("text/plain", "application/x-www-form-urlencoded"):
            status, _, content = self.client.send("POST", "/functions", "{}", {"Content-Type": kind})
            self.assertEqual(status, 415, content)
            self.assertIn(b'"code":415', content)
        status, _, content = self.client.send("POST", "/functions", b"{}", {})
        self.assertEqual(status, 415, content)
        status, _, content = self.client.send("POST", "/functions", "{}",
                                              {"Content-Type": "Application/JSON; charset=utf-8"})
        self.assertEqual(status, 422, content)

    def test_what_the_artifact_has_not_either_is_501_with_a_text(self):
        self.refused(501, "GET", "/snapshots/x/reap")
        self.refused(501, "DELETE", "/snapshots/x/reap")
        self.refused(501, "GET", "/metrics")
        self.refused(501, "POST", "/snapshots/x/mincore", {"position": 1, "fromDiff": "y"})

    def test_unknown_names_are_400_and_named(self):
        self.client.call("POST", "/functions", FUNCTION)
        self.assertEqual(self.client.call("GET", "/vms"), [])
        for method, path, body, says in (
                ("POST", "/vms", {"func_name": "g", "namespace": "fc1"}, "func_name 'g'"),
                ("POST", "/vms", {"func_name": "hello", "namespace": "fc1"}, "namespace 'fc1'"),
                ("POST", "/vms", {"func_name": "hello", "ssId": "ss_1"}, "ssId: "),
                ("POST", "/vmms", {"namespace": "fc1"}, "namespace 'fc1'"),
                ("GET", "/vms/abc", None, "vmId 'abc'"), ("DELETE", "/vms/abc", None, "vmId 'abc'"),
                ("POST", "/snapshots", SNAPSHOT, "vmId 'none'"),
                ("PATCH", "/snapshots/x", {"drop_cache": True}, "ssId 'x'"),
                ("GET", "/snapshots/x/mincore", None, "ssId 'x'"),
                ("PUT", "/snapshots/x/mincore", None, "ssId 'x'"),
                ("PATCH", "/snapshots/x/mincore", {}, "ssId 'x'"),
                ("PATCH", "/snapshots/x/reap", "false", "ssId 'x'"),
                ("PATCH", "/snapshots/x/reap", "true", "not implemented"),
                ("POST", "/invocations", {"func_name": "hello", "vmId": "abc"}, "vmId 'abc'"),
                ("POST", "/invocations", {"func_name": "hello", "ssId": "x"}, "ssId 'x'"),
                ("POST", "/invocations", {"func_name": "hello"}, "namespace ''"),
                ("POST", "/invocations", {"func_name": "hello", "params": "{"}, "params: ")):
            self.refused(400, method, path, body, says=says)
        self.refused(400, "PUT", "/snapshots", from_snapshot="x", mem_file_path="/a/b", says="'x'")
        self.refused(400, "PATCH", "/snapshots/x/reap", "1", code=400, says="true or false")

    def test_a_start_that_fails_says_why_and_leaves_no_vm(self):
        self.client.call("POST", "/functions", FUNCTION)
        self.client.call("PUT", "/net-ifaces/fc1", NETWORK)
        # Where VMs run, the image is none that boots.
        error = self.refused(400, "POST", "/vms", {"func_name": "hello", "namespace": "fc1"})
        self.assertRegex(error.body["message"], "no VM can run on this host|vmlinux")
        self.assertEqual(self.client.call("GET", "/vms"), [])

    def test_a_trace_is_served_by_the_id_of_its_reply(self):
        self.refused(400, "GET", "/vms/abc")
        with self.assertRaises(Refused) as caught:
            self.client.call("GET", "/vms/abc")
        identity = caught.exception.headers["X-B3-TraceId"]
        self.assertRegex(identity, r"\A[0-9a-f]{32}\Z")
        [root] = self.client.call("GET", f"/api/v2/trace/{identity}")
        self.assertEqual((root["traceId"], root["kind"], root["name"]),
                         (identity, "SERVER", "/vms/abc"))
        self.assertEqual(root["tags"]["http.status_code"], "400")
        self.assertIn("error", root["tags"])
        self.assertEqual(root["localEndpoint"], {"serviceName": "daemon"})
        self.refused(404, "GET", "/api/v2/trace/" + "0" * 32, code=404)

    def test_traces_do_not_pile_up(self):
        self.client.call("GET", "/vms")
        first = self.client.headers["X-B3-TraceId"]
        for _ in range(999):
            self.client.call("GET", "/vms")
        self.client.call("GET", f"/api/v2/trace/{first}")
        self.client.call("GET", "/vms")
        self.refused(404, "GET", f"/api/v2/trace/{first}", code=404)

    def test_it_is_off_by_default_and_a_wrong_address_is_refused(self):
        other = self.path("other")
        os.makedirs(other)
        self.assertNotIn("artifact", "".join(self.start(state=other).log))
        for address in ("8080", "127.0.0.1:", "127.0.0.1:http", ":8080", "127.0.0.1:99999"):
            done = subprocess.run(
                [PLATFORM, "--without-kvm", "--config",
                 self.write_config(state=self.path("third"), artifact={"listen": address})],
                stdin=subprocess.DEVNULL, text=True, capture_output=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("artifact.listen", done.stderr)

    def test_sigterm_ends_it_although_connections_are_open(self):
        self.client.call("GET", "/vms")
        begun = time.monotonic()
        self.assertEqual(self.server.end(), 0)
        self.assertLess(time.monotonic() - begun, 20)
