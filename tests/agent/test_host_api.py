# SPDX-License-Identifier: Apache-2.0
"""The host's protocol: what a well-behaved host gets, and what a hostile one does not."""

import json
import os
import socket
import threading
import unittest

from support import PATIENCE, AgentTest

ECHO = """
    import bootstrap
    bootstrap.serve(lambda event: event.body)
"""


def read_reply(stream):
    """Status and body of the next reply, or None at the end of the stream."""
    line = stream.readline()
    if not line:
        return None
    length = 0
    while (header := stream.readline().strip()):
        name, _, value = header.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return int(line.split()[1]), stream.read(length)


class HostTest(AgentTest):
    def setUp(self):
        super().setUp()
        self.start_python(ECHO)

    def raw(self):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(connection.close)
        connection.connect(self.agent.path)
        connection.settimeout(PATIENCE)
        stream = connection.makefile("rb")
        self.addCleanup(stream.close)
        return connection, stream

    def exchange(self, request):
        connection, stream = self.raw()
        connection.sendall(request)
        return read_reply(stream)


class InvokeTest(HostTest):
    def test_the_reply_holds_the_result_and_the_timings(self):
        reply = self.invoke('{"text": "\u00e9"}'.encode())
        self.assertEqual(reply.headers["Content-Type"], "application/json")
        self.assertEqual(reply.json()["result"], {"text": "\u00e9"})
        timings = reply.json()["timings"]
        self.assertGreater(timings["handler_ns"], 0)
        self.assertGreaterEqual(timings["total_ns"], timings["handler_ns"])

    def test_the_timings_name_the_span_that_they_belong_to(self):
        trace, span = "0123456789abcdef" * 2, "00000000000000a1"
        headers = {"X-B3-TraceId": trace, "X-B3-SpanId": span}
        timings = self.invoke(headers=headers).json()["timings"]
        self.assertEqual((timings["trace_id"], timings["span_id"]), (trace, span))
        for bad in ("", "0" * 15, "G" * 16, "0" * 1000):
            timings = self.invoke(headers={**headers, "X-B3-SpanId": bad}).json()["timings"]
            self.assertNotIn("trace_id", timings)

    def test_an_empty_body_means_no_parameters(self):
        self.assertEqual(self.invoke(b"").json()["result"], {})

    def test_another_function_is_not_found(self):
        for path in ("/invoke?function=g", "/2015-03-31/functions/g/invocations"):
            self.assert_error(self.request("POST", path, b"{}"), 404,
                              "unknown function 'g'; this guest has f")
        self.assert_error(self.request("POST", "/invoke", b"{}"), 400, "function=NAME")
        # The name that Lambda's own emulator gives to every function.
        path = "/2015-03-31/functions/function/invocations"
        self.assertEqual(self.request("POST", path, b"[1]").body, b"[1]")

    def test_a_large_payload_passes_and_a_larger_one_is_refused(self):
        body = json.dumps("x" * (16 << 20))[:16 << 20]
        body = body[:-1] + '"'
        self.assertEqual(len(self.invoke(body).json()["result"]), (16 << 20) - 2)
        self.assert_error(self.invoke(body + " "), 413, "at most 16777216")
        chunks = iter([body[:1 << 20].encode()] * 16 + [b"x"])
        reply = self.request("POST", "/invoke?function=f", chunks)
        self.assert_error(reply, 413, "more than 16777216")

    @unittest.skipIf("FAASNAP_SANITIZED" in os.environ, "sanitizers keep what is freed")
    def test_a_large_payload_is_never_held_twice(self):
        self.invoke(b"[" + b"1," * (6 << 20) + b"1]")
        self.assertLess(self.agent.peak_memory(), 18 << 20)

    def test_a_chunked_payload_passes(self):
        reply = self.request("POST", "/invoke?function=f", iter([b"[1,", b"2]"]))
        self.assertEqual(reply.json()["result"], [1, 2])

    def test_two_requests_at_once_are_both_answered(self):
        results = {}

        def ask(number):
            results[number] = self.invoke(b"%d" % number).json()["result"]

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        self.assertEqual(results, {number: number for number in range(20)})


class LimitTest(AgentTest):
    def test_the_host_sets_the_limit_of_payloads(self):
        self.start_python("""
            import bootstrap, json
            def handle(event):
                return b"x" * json.loads(event.body)
            while True:
                event = bootstrap.Invocation()
                try:
                    event.respond(handle(event))
                except OSError:
                    pass
        """, "faasnap.max-payload=1000")
        self.assert_error(self.invoke(b" " * 1001), 413, "at most 1000")
        self.assertEqual(len(self.invoke_as_lambda(b"1000").body), 1000)
        error = self.invoke_as_lambda(b"1001").json()
        self.assertEqual(error["errorType"], "Function.ResponseSizeTooLarge")
        self.assertIn("at most 1000", error["errorMessage"])
        self.assertEqual(self.invoke_as_lambda(b"1").body, b"x")


class MachineTest(HostTest):
    def test_healthz_tells_time_and_fresh_random_bytes(self):
        first, second = (self.request("GET", "/healthz").json() for _ in range(2))
        self.assertEqual(first["status"], "ok")
        self.assertEqual(len(bytes.fromhex(first["random"])), 16)
        self.assertNotEqual(first["random"], second["random"])
        self.assertLess(first["time_ns"], second["time_ns"])
        self.assertLess(first["uptime_ns"], second["uptime_ns"])
        self.assertEqual(first["kernel"], os.uname().release)

    def test_outside_a_vm_nobody_can_act_on_the_machine(self):
        for path in ("/poweroff", "/settle", "/settled", "/network"):
            self.assert_error(self.request("POST", path), 404, "inside a VM")
        self.assert_error(self.request("POST", "/panic"), 404, "faasnap.test=1")


class HttpTest(HostTest):
    POST = b"POST /invoke?function=f HTTP/1.1\r\n"

    def test_a_connection_serves_several_requests(self):
        connection, stream = self.raw()
        connection.sendall((self.POST + b"Content-Length: 7\r\n\r\n{\"a\":1}") * 3)
        for _ in range(3):
            status, body = read_reply(stream)
            self.assertEqual((status, json.loads(body)["result"]), (200, {"a": 1}))

    def test_an_error_that_leaves_the_stream_readable_keeps_the_connection(self):
        connection, stream = self.raw()
        connection.sendall(b"GET /nowhere HTTP/1.1\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n")
        self.assertEqual(read_reply(stream)[0], 404)
        self.assertEqual(read_reply(stream)[0], 200)

    def test_connection_close_is_obeyed(self):
        for head in (b"HTTP/1.1\r\nConnection: close", b"HTTP/1.0"):
            connection, stream = self.raw()
            connection.sendall(b"GET /healthz " + head + b"\r\n\r\n")
            self.assertEqual(read_reply(stream)[0], 200)
            self.assertIsNone(read_reply(stream))

    def test_a_request_may_come_byte_by_byte(self):
        connection, stream = self.raw()
        for byte in self.POST + b"content-LENGTH: 2\r\nA: b\r\n\r\n[]":
            connection.sendall(bytes([byte]))
        self.assertEqual(json.loads(read_reply(stream)[1])["result"], [])

    def test_a_client_that_asks_to_continue_may(self):
        connection, stream = self.raw()
        connection.sendall(self.POST + b"Expect: 100-continue\r\nContent-Length: 1\r\n\r\n")
        self.assertEqual(stream.readline(), b"HTTP/1.1 100 Continue\r\n")
        stream.readline()
        connection.sendall(b"7")
        self.assertEqual(json.loads(read_reply(stream)[1])["result"], 7)

    def test_an_idle_connection_holds_up_no_other(self):
        idle, _ = self.raw()
        idle.sendall(self.POST + b"Content-Length: 10\r\n\r\n{")
        self.assertEqual(self.invoke().status, 200)

    def test_a_connection_too_many_is_refused_and_room_is_made_again(self):
        idle = [self.raw()[0] for _ in range(64)]
        reply = self.raw()[1]
        self.assertEqual(read_reply(reply)[0], 503)
        for connection in idle:
            connection.shutdown(socket.SHUT_RDWR)
        while self.request("GET", "/healthz").status != 200:
            pass

    def test_a_wrong_method_names_the_right_one(self):
        for path, right in (("/invoke?function=f", "POST"), ("/settle", "POST"),
                            ("/2015-03-31/functions/f/invocations", "POST")):
            reply = self.request("GET", path)
            self.assert_error(reply, 405, right)
            self.assertEqual(reply.headers["Allow"], right)
        self.assertEqual(self.request("PUT", "/healthz").headers["Allow"], "GET")

    def test_malformed_requests_are_answered_with_the_reason(self):
        post = self.POST
        long_line = b"x" * 9000
        many = b"".join(b"h%d: x\r\n" % number for number in range(65))
        for request, status in (
            (b"hello\r\n\r\n", 400),
            (b"GET healthz HTTP/1.1\r\n\r\n", 400),
            (b"GET http://guest/healthz HTTP/1.1\r\n\r\n", 400),
            (b"CONNECT guest:80 HTTP/1.1\r\n\r\n", 400),
            (b"GET /healthz HTTP/2.0\r\n\r\n", 505),
            (b"GET /healthz\r\n\r\n", 505),
            (b"GET /\x01 HTTP/1.1\r\n\r\n", 400),
            (b"GET /" + long_line + b" HTTP/1.1\r\n\r\n", 431),
            (b"GET /healthz HTTP/1.1\r\nh: " + long_line + b"\r\n\r\n", 431),
            (b"GET /healthz HTTP/1.1\r\n" + long_line + b": h\r\n\r\n", 431),
            (b"GET /healthz HTTP/1.1\r\n" + many + b"\r\n", 431),
            (b"GET /healthz HTTP/1.1\r\nno colon\r\n\r\n", 400),
            (b"GET /healthz HTTP/1.1\r\na\0b: c\r\n\r\n", 400),
            (post + b"Content-Length: -1\r\n\r\n", 400),
            (post + b"Content-Length: 99999999999999999999999\r\n\r\n", 400),
            (post + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
            (post + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", 400),
            (post + b"Transfer-Encoding: gzip\r\n\r\n{}", 400),
            (post + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
            (post + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400),
            (post + b"Content-Length: %d\r\n\r\n" % ((16 << 20) + 1), 413),
        ):
            with self.subTest(request=request[:60]):
                answer = self.exchange(request)
                self.assertEqual(answer[0], status, answer)
                self.assertTrue(json.loads(answer[1])["error"])
        self.assertEqual(self.invoke().status, 200)

    def test_a_request_that_ends_early_is_answered(self):
        connection, stream = self.raw()
        connection.sendall(self.POST + b"Content-Length: 9\r\n\r\n{}")
        connection.shutdown(socket.SHUT_WR)
        status, body = read_reply(stream)
        self.assertEqual((status, json.loads(body)["error"]), (400, "the request ends early"))

    def test_a_host_that_leaves_is_forgotten(self):
        for sent in (b"", b"GE", self.POST, self.POST + b"Content-Length: 2\r\n\r\n{",
                     self.POST + b"Content-Length: 2\r\n\r\n{}",
                     b"GET /healthz HTTP/1.1\r\n\r\n"):
            for _ in range(70):
                connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                connection.connect(self.agent.path)
                connection.sendall(sent)
                connection.close()
        while (reply := self.invoke(b"5")).status == 503:
            pass
        self.assertEqual(reply.json()["result"], 5)


class LeaveTest(AgentTest):
    def test_an_invocation_whose_host_leaves_while_it_waits_is_not_run(self):
        self.start_python("""
            import bootstrap, json, os, time
            seen = []
            def handle(event):
                seen.append(event.body.decode())
                while event.body == b'"wait"' and not os.path.exists("go"):
                    time.sleep(0.01)
                return json.dumps(seen)
            bootstrap.serve(handle)
        """)
        first, second = self.connection(), self.connection()
        first.request("POST", "/invoke?function=f", b'"wait"')
        # A request of the same connection, so that the agent has read what came before.
        second.request("POST", "/invoke?function=f", b'"left"')
        self.request("GET", "/healthz")
        second.close()
        self.request("GET", "/healthz")
        self.write("go", "")
        self.assertEqual(json.loads(first.getresponse().read())["result"], ['"wait"'])
        self.assertEqual(self.invoke(b'"last"').json()["result"], ['"wait"', '"last"'])


if __name__ == "__main__":
    unittest.main()
