# SPDX-License-Identifier: Apache-2.0
"""The agent's HTTP service, over a Unix socket, with functions made for the test."""

import json
import os
import resource
import tempfile
import textwrap
import threading
import unittest

from support import connect, read_reply

from faasnap_agent import http, runner, server
from faasnap_agent.addresses import Address
from faasnap_agent.guest import Guest
from faasnap_agent.registry import Registry
from faasnap_agent.routes import Routes
from faasnap_agent.runner import Runner

_FUNCTIONS = {
    "echo": """
        def handle(params, store):
            return params
        """,
    "dice": """
        import random
        def handle(params, store):
            return {"roll": random.getrandbits(128)}
        """,
    "picky": """
        def handle(params, store):
            raise ValueError("parameter 'n': too small")
        """,
    "broken": """
        def handle(params, store):
            return {"half": params["whole"] / 2}
        """,
    "storing": """
        def handle(params, store):
            return store.get("key")
        """,
    "unspeakable": """
        def handle(params, store):
            return {"set": {1, 2}}
        """,
    "nan": """
        def handle(params, store):
            return {"value": float("nan")}
        """,
    "counted": """
        imports = []
        imports.append(1)
        def handle(params, store):
            imports.append(1)
            return {"count": len(imports)}
        """,
    "restored": """
        restores = []
        def after_restore():
            restores.append(1)
        def handle(params, store):
            return len(restores)
        """,
    "unready": """
        restores = []
        def after_restore():
            restores.append(1)
            if len(restores) == 1:
                raise ValueError("no network yet")
        def handle(params, store):
            return len(restores)
        """,
    "unparsable": "def handle(:",
}


class FakeGuest:
    """Records what the agent asks of its machine."""

    def __init__(self, test_mode):
        self.test_mode = test_mode
        self.refreshed = []
        self.actions = []
        self.acted = threading.Event()

    def refresh(self, headers):
        self.refreshed.append(headers)

    def report_all_free_memory(self):
        self.actions.append("report all")

    def report_large_blocks(self):
        self.actions.append("report large blocks")

    def power_off(self, connection):
        self.actions.append("power off")
        self.acted.set()

    def panic(self, connection):
        self.actions.append("panic")
        self.acted.set()


class AgentTest(unittest.TestCase):
    guest = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for name, source in _FUNCTIONS.items():
            with open(os.path.join(folder.name, f"{name}.py"), "w", encoding="utf-8") as file:
                file.write(textwrap.dedent(source))
        self.path = os.path.join(folder.name, "socket")
        routes = Routes(Runner(Registry(folder.name), None), self.guest)
        self.server = server.Server(Address(f"unix:{self.path}").listen(backlog=64), routes)
        thread = threading.Thread(target=self.server.serve)
        thread.start()
        self.addCleanup(thread.join, 10)
        self.addCleanup(self.server.close)

    def exchange(self, request):
        """Sends bytes and returns the reply's status and JSON."""
        with connect(self.path) as connection, connection.makefile("rb") as stream:
            connection.sendall(request)
            status, headers, body = read_reply(stream)
            self.assertEqual(headers["content-type"], "application/json")
            return status, json.loads(body)

    def post(self, path, body=b"{}"):
        return self.exchange(
            b"POST %s HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (path.encode(), len(body), body)
        )

    def assert_error(self, reply, status, words):
        self.assertEqual(reply[0], status, reply)
        self.assertIn(words, reply[1]["error"])


class InvokeTest(AgentTest):
    def test_the_reply_holds_the_result_and_the_timings(self):
        status, reply = self.post("/invoke?function=echo", b'{"text": "\\u00e9"}')
        self.assertEqual(status, 200)
        self.assertEqual(reply["result"], {"text": "\u00e9"})
        self.assertGreaterEqual(reply["timings"]["handler_ns"], 0)
        self.assertGreaterEqual(reply["timings"]["total_ns"], reply["timings"]["handler_ns"])

    def test_the_timings_name_the_span_that_they_belong_to(self):
        trace, span = "0123456789abcdef" * 2, "00000000000000a1"
        request = (
            "POST /invoke?function=echo HTTP/1.1\r\nContent-Length: 2\r\n"
            "X-B3-TraceId: {}\r\nX-B3-SpanId: {}\r\n\r\n{{}}"
        )
        timings = self.exchange(request.format(trace, span).encode())[1]["timings"]
        self.assertEqual((timings["trace_id"], timings["span_id"]), (trace, span))
        for bad in ("", "0" * 15, "G" * 16, "0" * 1000):
            timings = self.exchange(request.format(trace, bad).encode())[1]["timings"]
            self.assertNotIn("trace_id", timings)

    def test_an_empty_body_means_no_parameters(self):
        self.assertEqual(self.post("/invoke?function=echo", b"")[1]["result"], {})

    def test_random_numbers_differ_between_invocations(self):
        rolls = {self.post("/invoke?function=dice")[1]["result"]["roll"] for _ in range(5)}
        self.assertEqual(len(rolls), 5)

    def test_a_function_is_imported_once(self):
        self.post("/invoke?function=counted")
        self.assertEqual(self.post("/invoke?function=counted")[1]["result"], {"count": 3})

    def test_an_unknown_function_is_not_found(self):
        for name in ("nothing", "../agent", "Echo", "echo.py", "%65cho"):
            self.assert_error(self.post(f"/invoke?function={name}"), 404, "unknown function")
        reply = self.post("/invoke?function=nothing")
        self.assert_error(reply, 404, "this guest has broken, counted, dice, echo")

    def test_a_request_without_function_name_is_refused(self):
        self.assert_error(self.post("/invoke"), 400, "function=NAME")

    def test_a_body_that_is_no_json_object_is_refused(self):
        self.assert_error(self.post("/invoke?function=echo", b"{"), 400, "not JSON")
        self.assert_error(self.post("/invoke?function=echo", b"\xff\xfe\xfd"), 400, "not JSON")
        self.assert_error(self.post("/invoke?function=echo", b"[" * 100000), 400, "not JSON")
        self.assert_error(self.post("/invoke?function=echo", b"[1]"), 400, "not a JSON object")

    def test_a_refused_parameter_is_told_apart_from_a_failure(self):
        self.assert_error(self.post("/invoke?function=picky"), 422, "parameter 'n': too small")

    def test_a_failing_handler_is_reported_and_the_agent_lives_on(self):
        self.assert_error(self.post("/invoke?function=broken"), 500, "KeyError: 'whole'")
        self.assert_error(self.post("/invoke?function=unparsable"), 500, "SyntaxError")
        self.assertEqual(self.post("/invoke?function=echo")[0], 200)

    def test_a_result_that_json_cannot_say_is_a_failure(self):
        self.assert_error(self.post("/invoke?function=unspeakable"), 500, "not JSON")
        self.assert_error(self.post("/invoke?function=nan"), 500, "not JSON")

    def test_a_function_without_a_store_says_what_it_misses(self):
        self.assert_error(self.post("/invoke?function=storing"), 500, "object store")


class RestoreTest(AgentTest):
    def invoke(self, function, vm):
        header = f"Faasnap-Vm-Id: {vm}\r\n" if vm else ""
        request = f"POST /invoke?function={function} HTTP/1.1\r\n{header}Content-Length: 0\r\n\r\n"
        return self.exchange(request.encode())

    def result(self, function, vm):
        return self.invoke(function, vm)[1]["result"]

    def test_the_hook_runs_once_in_each_vm_that_finds_the_function_imported(self):
        self.assertEqual([self.result("restored", vm) for vm in "aabbbcc"], [0, 0, 1, 1, 1, 2, 2])

    def test_the_hook_of_each_function_runs(self):
        self.result("restored", "a")
        self.result("echo", "b")
        self.assertEqual(self.result("restored", "b"), 1)

    def test_a_request_that_names_no_vm_may_come_after_a_restore(self):
        self.assertEqual([self.result("restored", None) for _ in range(3)], [0, 1, 2])

    def test_a_function_whose_hook_fails_does_not_run(self):
        self.assertEqual(self.result("unready", "a"), 0)
        reply = self.invoke("unready", "b")
        self.assert_error(reply, 500, "after_restore: ValueError: no network yet")
        self.assertEqual([self.result("unready", "b") for _ in range(2)], [2, 2])

    def test_generators_are_reseeded_once_in_each_vm(self):
        before = []
        self.addCleanup(setattr, runner.reseed, "reseed", runner.reseed.reseed)
        runner.reseed.reseed = lambda: before.append(1)
        for vm in ("a", "a", "b", None, None, "b"):
            self.invoke("echo", vm)
        self.assertEqual(len(before), 5)


class HttpTest(AgentTest):
    def test_healthz_tells_time_and_fresh_random_bytes(self):
        request = b"GET /healthz HTTP/1.1\r\n\r\n"
        status, first = self.exchange(request)
        _, second = self.exchange(request)
        self.assertEqual((status, first["status"]), (200, "ok"))
        self.assertEqual(len(bytes.fromhex(first["random"])), 16)
        self.assertNotEqual(first["random"], second["random"])
        self.assertLess(first["time_ns"], second["time_ns"])
        self.assertLess(first["uptime_ns"], second["uptime_ns"])
        self.assertEqual(first["kernel"], os.uname().release)

    def test_a_connection_serves_several_requests(self):
        request = b"POST /invoke?function=echo HTTP/1.1\r\nContent-Length: 7\r\n\r\n{\"a\":1}"
        with connect(self.path) as connection, connection.makefile("rb") as stream:
            connection.sendall(request * 3)
            for _ in range(3):
                self.assertEqual(read_reply(stream)[0], 200)

    def test_an_error_that_leaves_the_stream_readable_keeps_the_connection(self):
        with connect(self.path) as connection, connection.makefile("rb") as stream:
            connection.sendall(b"GET /nowhere HTTP/1.1\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n")
            self.assertEqual(read_reply(stream)[0], 404)
            self.assertEqual(read_reply(stream)[0], 200)

    def test_connection_close_is_obeyed(self):
        for head in (b"HTTP/1.1\r\nConnection: close", b"HTTP/1.0"):
            with connect(self.path) as connection, connection.makefile("rb") as stream:
                connection.sendall(b"GET /healthz " + head + b"\r\n\r\n")
                _, headers, _ = read_reply(stream)
                self.assertEqual(headers["connection"], "close")
                self.assertIsNone(read_reply(stream))

    def test_an_idle_connection_holds_up_no_other(self):
        with connect(self.path) as idle:
            idle.sendall(b"POST /invoke?function=echo HTTP/1.1\r\nContent-Length: 10\r\n\r\n{")
            self.assertEqual(self.post("/invoke?function=echo")[0], 200)

    def test_a_connection_too_many_is_refused_and_room_is_made_again(self):
        idle = [connect(self.path) for _ in range(server.MAX_CONNECTIONS)]
        try:
            with connect(self.path) as connection, connection.makefile("rb") as stream:
                self.assertEqual(read_reply(stream)[0], 503)
        finally:
            for connection in idle:
                connection.close()
        for _ in range(100):
            with connect(self.path) as connection, connection.makefile("rb") as stream:
                connection.sendall(b"GET /healthz HTTP/1.1\r\n\r\n")
                if read_reply(stream)[0] == 200:
                    return
        self.fail("the closed connections still count")

    def test_a_wrong_method_names_the_right_one(self):
        self.assert_error(self.exchange(b"GET /invoke?function=echo HTTP/1.1\r\n\r\n"), 405, "POST")

    def test_malformed_requests_are_answered_with_the_reason(self):
        post = b"POST /invoke?function=echo HTTP/1.1\r\n"
        long_line = b"x" * (http.MAX_LINE + 1)
        many = b"".join(b"h%d: x\r\n" % number for number in range(http.MAX_HEADERS + 1))
        for request, status in (
            (b"hello\r\n\r\n", 400),
            (b"GET healthz HTTP/1.1\r\n\r\n", 400),
            (b"GET /healthz HTTP/2.0\r\n\r\n", 505),
            (b"GET /" + long_line + b" HTTP/1.1\r\n\r\n", 431),
            (b"GET /healthz HTTP/1.1\r\n" + many + b"\r\n", 431),
            (b"GET /healthz HTTP/1.1\r\nno colon\r\n\r\n", 400),
            (post + b"\r\n", 411),
            (post + b"Content-Length: -1\r\n\r\n", 400),
            (post + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400),
            (post + b"Content-Length: %d\r\n\r\n" % (http.MAX_BODY + 1), 413),
            (post + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 501),
        ):
            with self.subTest(request=request[:60]):
                reply = self.exchange(request)
                self.assertEqual(reply[0], status, reply)
                self.assertTrue(reply[1]["error"])

    def test_a_request_that_ends_early_is_answered(self):
        with connect(self.path) as connection, connection.makefile("rb") as stream:
            head = b"POST /invoke?function=echo HTTP/1.1\r\nContent-Length: 9\r\n"
            connection.sendall(head + b"\r\n{}")
            connection.shutdown(1)
            self.assertEqual(read_reply(stream)[0], 400)

    def test_outside_a_vm_nobody_can_stop_the_machine(self):
        self.assert_error(self.post("/poweroff"), 404, "inside a VM")
        self.assert_error(self.post("/panic"), 404, "faasnap.test=1")

    def test_outside_a_vm_there_is_no_free_memory_to_report(self):
        self.assert_error(self.post("/settle"), 404, "inside a VM")
        self.assert_error(self.post("/settled"), 404, "inside a VM")


class GuestTest(AgentTest):
    guest = FakeGuest(test_mode=True)

    def test_every_request_refreshes_the_guest_with_its_headers(self):
        self.exchange(b"GET /healthz HTTP/1.1\r\nFaasnap-Entropy: 00ff\r\n\r\n")
        self.assertEqual(self.guest.refreshed[-1]["faasnap-entropy"], "00ff")

    def test_free_memory_is_reported_in_full_only_while_the_guest_settles(self):
        self.guest.actions.clear()
        self.assertEqual(self.post("/settle")[:2], (200, {"status": "settling"}))
        self.assertEqual(self.guest.actions, ["report all"])
        self.assertEqual(self.post("/settled")[:2], (200, {"status": "settled"}))
        self.assertEqual(self.guest.actions[-1], "report large blocks")

    def test_power_off_and_panic_follow_their_reply(self):
        for path, action in (("/poweroff", "power off"), ("/panic", "panic")):
            self.guest.acted.clear()
            self.assertEqual(self.post(path)[0], 200)
            self.assertTrue(self.guest.acted.wait(10))
            self.assertEqual(self.guest.actions[-1], action)


class MachineTest(unittest.TestCase):
    def test_clearing_free_lists_leaves_the_agent_on_all_its_processors(self):
        before = os.sched_getaffinity(0)
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        Guest(test_mode=False).clear_free_lists()
        self.assertEqual(os.sched_getaffinity(0), before)
        faulted = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
        self.assertGreaterEqual(faulted, 256 * len(before))


class GuestOutsideTestModeTest(AgentTest):
    guest = FakeGuest(test_mode=False)

    def test_panic_needs_test_mode(self):
        self.assert_error(self.post("/panic"), 404, "faasnap.test=1")
        self.assertEqual(self.guest.actions, [])


if __name__ == "__main__":
    unittest.main()
