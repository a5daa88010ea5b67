# SPDX-License-Identifier: Apache-2.0
"""The AWS Lambda Runtime API, as the process of a function sees it."""

import base64
import http.client
import json
import os
import shutil
import time
import unittest

from support import PATIENCE, AgentTest

SHELL_BOOTSTRAP = """
    #!/bin/sh
    api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime
    while true; do
      event=$(curl -sS -D head "$api/invocation/next")
      id=$(sed -n 's/^Lambda-Runtime-Aws-Request-Id: \\(.*\\)\\r$/\\1/p' head)
      curl -sS -o answer -X POST "$api/invocation/$id/response" -d "{\\"seen\\": $event}"
    done
"""

NODE_BOOTSTRAP = """
    const http = require("node:http");
    const [hostname, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

    function call(method, path, body) {
      return new Promise((resolve, reject) => {
        const options = { hostname, port, method, agent, path: "/2018-06-01/runtime" + path };
        const request = http.request(options, (answer) => {
          const pieces = [];
          answer.on("data", (piece) => pieces.push(piece));
          answer.on("end", () => resolve({ headers: answer.headers, body: Buffer.concat(pieces) }));
        });
        request.on("error", reject);
        request.end(body);
      });
    }

    async function main() {
      for (;;) {
        const event = await call("GET", "/invocation/next");
        const id = event.headers["lambda-runtime-aws-request-id"];
        const value = JSON.parse(event.body);
        if (value.fail) {
          const failure = { errorMessage: value.fail, errorType: "Error", stackTrace: [] };
          await call("POST", `/invocation/${id}/error`, JSON.stringify(failure));
        } else {
          await call("POST", `/invocation/${id}/response`, JSON.stringify({ doubled: 2 * value.n }));
        }
      }
    }
    main();
"""


class LanguagesTest(AgentTest):
    @unittest.skipUnless(shutil.which("curl"), "needs curl")
    def test_a_shell_script_with_curl_is_a_function(self):
        self.start([self.write("bootstrap", SHELL_BOOTSTRAP)])
        for number in range(3):
            reply = self.invoke(json.dumps({"n": number}))
            self.assertEqual(reply.json()["result"], {"seen": {"n": number}})

    @unittest.skipUnless(shutil.which("node"), "needs node")
    def test_a_node_program_is_a_function(self):
        self.write("bootstrap.js", NODE_BOOTSTRAP)
        self.start(["node", "bootstrap.js"])
        self.assertEqual(self.invoke(b'{"n": 21}').json()["result"], {"doubled": 42})
        self.assert_error(self.invoke(b'{"fail": "no luck"}'), 500, "f: Error: no luck")
        self.assertEqual(self.invoke(b'{"n": 1}').json()["result"], {"doubled": 2})

    def test_a_static_program_is_a_function(self):
        self.start([os.environ["STATIC_BOOTSTRAP"]])
        body = b'{"text": "' + b"x" * 100_000 + b'"}'
        for _ in range(3):
            self.assertEqual(self.invoke(body).json()["result"], json.loads(body))


class EventTest(AgentTest):
    def test_an_event_comes_with_what_lambda_tells_of_it(self):
        self.start_python("""
            import bootstrap, json
            bootstrap.serve(lambda event: json.dumps([dict(event.headers), event.body.decode()]))
        """, TimeoutMs=600_000)
        reply = self.invoke(b'{"a": 1}', {
            "X-Amzn-RequestId": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
            "X-Amzn-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=1",
            "X-Amz-Client-Context": "eyJhIjoxfQ==", "Faasnap-Vm-Id": "7"})
        headers, body = reply.json()["result"]
        self.assertEqual(body, '{"a": 1}')
        self.assertEqual(headers["Lambda-Runtime-Aws-Request-Id"],
                         "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
        self.assertEqual(headers["Lambda-Runtime-Trace-Id"],
                         "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=1")
        self.assertEqual(headers["Lambda-Runtime-Client-Context"], "eyJhIjoxfQ==")
        self.assertEqual(headers["Lambda-Runtime-Invoked-Function-Arn"],
                         "arn:aws:lambda:us-east-1:000000000000:function:f")
        self.assertEqual((headers["Faasnap-Vm-Id"], headers["Faasnap-Function"]), ("7", "f"))
        # The deadline: the limit of the image from when the event was handed out.
        left = int(headers["Lambda-Runtime-Deadline-Ms"]) / 1000 - time.time()
        self.assertTrue(600 - PATIENCE < left < 600 + PATIENCE, left)

    def test_ids_are_made_where_the_host_names_none_and_traces_follow_b3(self):
        self.start_python("""
            import bootstrap, json
            bootstrap.serve(lambda event: json.dumps(dict(event.headers)))
        """)
        headers = {"X-B3-TraceId": "0123456789abcdef" * 2, "X-B3-SpanId": "00000000000000a1"}
        answers = [self.invoke(headers=headers).json()["result"] for _ in range(3)]
        ids = {answer["Lambda-Runtime-Aws-Request-Id"] for answer in answers}
        self.assertEqual(len(ids), 3)
        for name in ids:
            self.assertRegex(name, "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-"
                                   "[0-9a-f]{12}$")
        self.assertEqual(answers[0]["Lambda-Runtime-Trace-Id"],
                         "Root=1-01234567-89abcdef0123456789abcdef;Parent=00000000000000a1;Sampled=1")

    def test_the_environment_is_lambdas_and_the_images(self):
        self.write_python("""
            import bootstrap, json, os
            bootstrap.serve(lambda event: json.dumps([dict(os.environ), os.getcwd()]))
        """)
        self.agent = self.launch({
            "Entrypoint": ["python3", "-B"], "Cmd": ["program.py"], "WorkingDir": self.folder,
            "Env": ["PATH=" + os.environ["PATH"], "A=1=2", "AWS_REGION=eu-north-1",
                    "AWS_LAMBDA_FUNCTION_NAME=other"],
            "Faasnap": {"Name": "f", "Handler": "app.run", "MemoryMiB": 512, "Concurrency": 3}})
        self.agent.wait_for("agent: listening on")
        environment, folder = self.invoke().json()["result"]
        self.assertEqual(folder, os.path.realpath(self.folder))
        for name, value in {
                "A": "1=2", "AWS_REGION": "eu-north-1", "AWS_LAMBDA_FUNCTION_NAME": "f",
                "_HANDLER": "app.run", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
                "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "LAMBDA_TASK_ROOT": "/var/task",
                "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start", "AWS_LAMBDA_MAX_CONCURRENCY": "3",
                "FAASNAP_STORE": "vsock:2:6379"}.items():
            self.assertEqual(environment[name], value)
        self.assertRegex(environment["AWS_LAMBDA_RUNTIME_API"], r"^127\.0\.0\.1:\d+$")

    def test_the_kernels_word_stands_for_the_handler_of_an_image_of_several_functions(self):
        source = """
            import bootstrap, json, os
            bootstrap.serve(lambda event: json.dumps(os.environ["_HANDLER"]))
        """
        self.start_python(source, "faasnap.function=other", Name="")
        self.assertEqual(self.invoke().json()["result"], "other")
        self.agent.stop()
        os.unlink(self.agent.path)
        self.start_python(source, "faasnap.function=f", Handler="app.run")
        self.assertEqual(self.invoke().json()["result"], "app.run")

    def test_an_image_of_one_function_has_no_other(self):
        agent = self.launch({"Entrypoint": ["/bin/true"], "Faasnap": {"Name": "f"}},
                            "faasnap.function=other")
        self.assertEqual(agent.wait(), 1)
        self.assertIn("UnknownFunction: unknown function 'other'; this guest has f", agent.output)


class AnswerTest(AgentTest):
    def test_the_process_is_told_what_it_does_wrong(self):
        self.start_python("""
            import bootstrap, json
            event = bootstrap.Invocation()
            answers = [
                bootstrap.call("POST", "/invocation/nobody/response", b"1"),
                bootstrap.call("GET", "/nothing"),
                bootstrap.call("POST", "/invocation/next", b"1"),
                bootstrap.call("GET", f"/invocation/{event.id}/response"),
            ]
            event.respond(json.dumps([[status, json.loads(body)] for status, _, body in answers]))
            again = event.respond(b"2")
            bootstrap.serve(lambda event: json.dumps(again[0]))
        """)
        answers = self.invoke().json()["result"]
        self.assertEqual([status for status, _ in answers], [400, 404, 404, 404])
        for _, error in answers:
            self.assertEqual(error["errorType"], "InvalidRequest")
            self.assertTrue(error["errorMessage"])
        self.assertEqual(self.invoke().json()["result"], 400)

    def test_a_reported_error_is_the_answer(self):
        self.start_python("""
            import bootstrap, json
            while True:
                event = bootstrap.Invocation()
                value = json.loads(event.body)
                event.fail(json.dumps(value["body"]), value["headers"])
        """)
        error = {"errorMessage": 'a "word"', "errorType": "KeyError", "stackTrace": ["one"]}

        def fail(body, **headers):
            return json.dumps({"body": body, "headers": headers})

        self.assert_error(self.invoke(fail(error)), 500, 'f: KeyError: a "word"')
        refused = fail(error, **{"Faasnap-Status": "422"})
        self.assertEqual(self.invoke(refused).json()["error"], 'f: a "word"')
        self.assertEqual(self.invoke(refused).status, 422)
        named = fail([], **{"Lambda-Runtime-Function-Error-Type": "Function.Custom"})
        self.assert_error(self.invoke(named), 500, "f: Function.Custom: no message")
        reply = self.invoke_as_lambda(fail(error))
        self.assertEqual((reply.status, reply.headers["X-Amz-Function-Error"]), (200, "Unhandled"))
        self.assertEqual(reply.json(), error)

    def test_lambdas_form_passes_any_bytes(self):
        self.start_python("""
            import bootstrap
            while True:
                event = bootstrap.Invocation()
                event.respond(event.body[::-1], {"Content-Type": "text/x-reversed"})
        """)
        reply = self.invoke_as_lambda(b"\x00\xffab")
        self.assertEqual((reply.status, reply.body), (200, b"ba\xff\x00"))
        self.assertEqual(reply.headers["Content-Type"], "text/x-reversed")
        self.assertEqual(reply.headers["X-Amz-Executed-Version"], "$LATEST")
        self.assertNotIn("X-Amz-Function-Error", reply.headers)
        self.assert_error(self.invoke(b"\x00"), 500, "f: the result is not JSON")

    def test_a_stream_reaches_the_host_piece_by_piece(self):
        self.start_python("""
            import bootstrap, os, time
            while True:
                event = bootstrap.Invocation()
                def pieces():
                    yield b"first"
                    # Not before the host has the first.
                    while not os.path.exists("seen"):
                        time.sleep(0.01)
                    yield b"second"
                event.respond(pieces(), {"Content-Type": "text/plain",
                                         "Lambda-Runtime-Function-Response-Mode": "streaming"})
        """)
        host = self.connection()
        host.request("POST", "/2015-03-31/functions/f/invocations", b"{}")
        response = host.getresponse()
        self.assertEqual(response.headers["Transfer-Encoding"], "chunked")
        self.assertEqual(response.headers["Content-Type"], "text/plain")
        self.assertEqual(response.read(5), b"first")
        self.write("seen", "")
        self.assertEqual(response.read(), b"second")
        # A host that asks for one object gets the pieces joined.
        self.assert_error(self.invoke(), 500, "f: the result is not JSON")

    def test_a_large_stream_waits_for_the_host(self):
        self.start_python("""
            import bootstrap
            event = bootstrap.Invocation()
            event.respond((bytes([i]) * 1_000_000 for i in range(100)),
                          {"Lambda-Runtime-Function-Response-Mode": "streaming"})
            bootstrap.serve(lambda event: b"1")
        """, "faasnap.max-payload=1000000")
        host = self.connection()
        host.request("POST", "/2015-03-31/functions/f/invocations", b"{}")
        response = host.getresponse()
        self.assertEqual(response.read(1_000_000), bytes(1_000_000))
        self.assertLess(self._resident_bytes(), 20_000_000)
        rest = response.read()
        self.assertEqual(rest, b"".join(bytes([i]) * 1_000_000 for i in range(1, 100)))
        self.assertEqual(self.invoke().json()["result"], 1)

    def _resident_bytes(self):
        with open(f"/proc/{self.agent.process.pid}/status", encoding="ascii") as status:
            lines = dict(line.split(":", 1) for line in status)
        # Sanitizers keep shadows of all memory.
        if os.environ.get("FAASNAP_SANITIZED"):
            return 0
        return int(lines["VmHWM"].split()[0]) * 1024

    def start_streams(self, *ends):
        """A function whose first invocations stream one piece each, and then end in these ways."""
        self.write("ends", json.dumps(ends))
        self.start_python("""
            import bootstrap, json, os, socket
            host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
            with open("ends") as file:
                ends = json.load(file)
            for end in ends:
                event = bootstrap.Invocation()
                print("streams", flush=True)
                connection = socket.create_connection((host, int(port)))
                connection.sendall(
                    f"POST {bootstrap.PREFIX}/invocation/{event.id}/response HTTP/1.1\\r\\n"
                    "Lambda-Runtime-Function-Response-Mode: streaming\\r\\n"
                    "Transfer-Encoding: chunked\\r\\n"
                    "Trailer: Lambda-Runtime-Function-Error-Type\\r\\n\\r\\n"
                    f"4\\r\\npart\\r\\n{end}".encode())
                connection.shutdown(socket.SHUT_WR)
                connection.recv(100)
            bootstrap.serve(lambda event: b"1")
        """)

    def streamed(self, **headers):
        """The bytes that a host gets for its request, to the end of the connection."""
        host = self.connection()
        host.connect()
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        host.sock.sendall(f"POST /2015-03-31/functions/f/invocations HTTP/1.1\r\n{lines}"
                          "Content-Length: 2\r\nConnection: close, TE\r\n\r\n{}".encode())
        with host.sock.makefile("rb") as stream:
            return stream.read()

    def trailers(self, **headers):
        """Those after a stream's one piece, by name."""
        body = self.streamed(**headers).partition(b"\r\n\r\n")[2].decode()
        self.assertRegex(body, r"\A4\r\npart\r\n0\r\n([^\r\n]+\r\n)*\r\n\Z")
        return dict(line.split(": ") for line in body.split("\r\n")[3:] if line)

    def test_a_stream_that_fails_does_not_look_complete(self):
        self.start_streams("0\r\nLambda-Runtime-Function-Error-Type: Oh\r\n\r\n", "not a chunk", "")
        for _ in range(3):
            host = self.connection()
            host.request("POST", "/2015-03-31/functions/f/invocations", b"{}")
            with self.assertRaises(http.client.IncompleteRead):
                host.getresponse().read()
        self.assertEqual(self.invoke().json()["result"], 1)

    def test_trailers_tell_a_host_that_asks_for_them_how_a_stream_ended(self):
        error = {"errorType": "Oh", "errorMessage": "no", "stackTrace": []}
        text = base64.b64encode(json.dumps(error).encode()).decode()
        field = "0\r\nLambda-Runtime-Function-Error-Type: Oh\r\n"
        self.start_streams("0\r\n\r\n",
                           f"{field}Lambda-Runtime-Function-Error-Body: {text}\r\n\r\n",
                           f"{field}Lambda-Runtime-Function-Error-Body: {text[:-2]}\r\n\r\n",
                           "not a chunk", "")
        ended = self.trailers(TE="deflate, trailers", X_Amz_Log_Type="Tail")
        self.assertEqual(list(ended), ["X-Amz-Log-Result"])
        self.assertEqual(base64.b64decode(ended["X-Amz-Log-Result"]), b"streams\n")
        errors = []
        for _ in range(4):
            ended = self.trailers(TE="trailers")
            self.assertEqual(ended["X-Amz-Function-Error"], "Unhandled")
            errors.append(json.loads(base64.b64decode(
                ended["Lambda-Runtime-Function-Error-Body"], validate=True)))
        self.assertEqual(errors[0], error)
        self.assertEqual(errors[1], {"errorType": "Oh", "errorMessage": "no message"})
        self.assertEqual({each["errorType"] for each in errors[2:]}, {"Runtime.TruncatedResponse"})
        self.assertIn("malformed", errors[2]["errorMessage"])
        self.assertEqual(self.invoke().json()["result"], 1)

    def test_a_stream_that_takes_too_long_ends_with_an_error(self):
        self.start_python("""
            import bootstrap, time
            def pieces():
                yield b"part"
                time.sleep(600)
            bootstrap.Invocation().respond(
                pieces(), {"Lambda-Runtime-Function-Response-Mode": "streaming"})
        """)
        ended = self.trailers(TE="trailers", Faasnap_Timeout_Ms="300")
        error = json.loads(base64.b64decode(ended["Lambda-Runtime-Function-Error-Body"]))
        self.assertEqual(error["errorType"], "Sandbox.Timedout")


class RestoreTest(AgentTest):
    SOURCE = """
        import bootstrap, json
        answer = bootstrap.call("GET", "/restore/next")
        with open("restored", "w"):
            pass
        bootstrap.serve(lambda event: json.dumps(answer[0]))
    """

    def test_a_process_that_waits_for_its_restore_is_ready(self):
        self.start_python(self.SOURCE)
        self.assertEqual(self.request("GET", "/healthz").status, 200)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "restored")))
        # The first invocation is the sign that the guest runs for somebody.
        self.assertEqual(self.invoke().json()["result"], 200)
        self.assertTrue(os.path.exists(os.path.join(self.folder, "restored")))

    def test_a_restore_that_fails_is_the_answer_and_the_process_starts_anew(self):
        self.start_python("""
            import bootstrap, json, os
            bootstrap.call("GET", "/restore/next")
            if not os.path.exists("failed"):
                open("failed", "w").close()
                bootstrap.call("POST", "/restore/error",
                               b'{"errorMessage": "no network", "errorType": "Hook"}')
            bootstrap.serve(lambda event: b"1")
        """)
        self.assert_error(self.invoke(), 500, "f: Hook: no network")
        self.assertEqual(self.invoke().json()["result"], 1)


class LogTest(AgentTest):
    SOURCE = """
        import bootstrap, sys
        def handle(event):
            sys.stdout.write("x" * 10_000)
            print("out of", event.body.decode(), flush=True)
            print("trouble", file=sys.stderr, flush=True)
            return b"1"
        print("before", flush=True)
        bootstrap.serve(handle)
    """

    def test_the_end_of_the_log_comes_on_request(self):
        self.start_python(self.SOURCE)
        self.assertNotIn("X-Amz-Log-Result", self.invoke().headers)
        for ask in (self.invoke, self.invoke_as_lambda):
            reply = ask(b"[2]", {"X-Amz-Log-Type": "Tail"})
            log = base64.b64decode(reply.headers["X-Amz-Log-Result"]).decode()
            self.assertTrue(log.endswith("xout of [2]\ntrouble\n"), log[-100:])
            self.assertEqual(len(log), 4096)

    def test_the_log_is_that_of_the_invocation_and_goes_to_the_console(self):
        self.start_python("""
            import bootstrap
            print("at the start", flush=True)
            def handle(event):
                print("event", event.body.decode(), flush=True)
                return b"1"
            bootstrap.serve(handle)
        """)
        for number in range(2):
            reply = self.invoke(b"%d" % number, {"X-Amz-Log-Type": "Tail"})
            self.assertEqual(base64.b64decode(reply.headers["X-Amz-Log-Result"]),
                             b"event %d\n" % number)
        self.agent.wait_for("at the start\nagent: listening")
        self.agent.wait_for("event 0\nevent 1\n")


if __name__ == "__main__":
    unittest.main()
