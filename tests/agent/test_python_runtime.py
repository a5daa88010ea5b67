# SPDX-License-Identifier: Apache-2.0
"""Python functions under the runtime of this project, behind the agent."""

import json
import os
import sys
import unittest

from support import HERE, AgentTest

ROOTFS = os.path.join(HERE, "..", "..", "rootfs")
RUNTIME = os.path.join(ROOTFS, "runtime", "python", "main.py")


class RuntimeTest(AgentTest):
    def run_functions(self, *words, config=None, **environment):
        environment = {"PATH": os.environ["PATH"], "FAASNAP_FUNCTIONS": self.folder, **environment}
        config = {"Entrypoint": [sys.executable, "-B", RUNTIME], "WorkingDir": self.folder,
                  "Env": [f"{name}={value}" for name, value in environment.items()],
                  "Faasnap": config or {}}
        self.agent = self.launch(config, *words)

    def ready(self):
        self.agent.wait_for("agent: listening on")

    def ask(self, function, body=b"{}", vm=None):
        headers = {"Faasnap-Vm-Id": vm} if vm else {}
        return self.request("POST", f"/invoke?function={function}", body, headers)

    def result(self, *arguments, **keywords):
        reply = self.ask(*arguments, **keywords)
        self.assertEqual(reply.status, 200, reply.body)
        return reply.json()["result"]


class FolderTest(RuntimeTest):
    def test_the_functions_of_a_folder_answer_or_say_why_not(self):
        self.write("echo.py", """
            def handle(params, store):
                return params
        """)
        self.write("broken.py", """
            def handle(params, store):
                return params["whole"]
        """)
        self.write("picky.py", """
            def handle(params, store):
                raise ValueError("parameter 'n': too small")
        """)
        self.write("nan.py", """
            def handle(params, store):
                return float("nan")
        """)
        self.write("storing.py", """
            def handle(params, store):
                store.get("key")
        """)
        self.run_functions("faasnap.store=")
        self.ready()
        self.assertEqual(self.result("echo", b'{"a": "\\u00e9"}'), {"a": "\u00e9"})
        self.assertEqual(self.result("echo", b""), {})
        for function, body, status, error in (
                ("broken", b"{}", 500, "broken: KeyError: 'whole'"),
                ("picky", b"{}", 422, "picky: parameter 'n': too small"),
                ("nan", b"{}", 500, "the result is not JSON"),
                ("storing", b"{}", 500, "object store"),
                ("nothing", b"{}", 404,
                 "unknown function 'nothing'; this guest has broken, echo, nan, picky, storing"),
                ("echo", b"{", 400, "the body is not JSON"),
                ("echo", b"\xff", 400, "the body is not JSON"),
                ("echo", b"[" * 100_000, 400, "the body is not JSON"),
                ("echo", b"[1]", 400, "the body is not a JSON object")):
            with self.subTest(function=function, body=body[:10]):
                self.assert_error(self.ask(function, body), status, error)

    def test_the_hook_runs_once_in_each_vm_that_finds_the_function_imported(self):
        self.write("restored.py", """
            calls = 0
            def after_restore():
                global calls
                calls += 1
            def handle(params, store):
                return calls
        """)
        self.run_functions()
        self.ready()
        self.assertEqual([self.result("restored", vm=vm) for vm in "aabbbcc"],
                         [0, 0, 1, 1, 1, 2, 2])
        self.assertEqual([self.result("restored") for _ in range(2)], [3, 4])

    def test_a_function_that_is_to_be_there_and_is_not_ends_the_agent(self):
        self.run_functions("faasnap.function=nothing")
        self.assertEqual(self.agent.wait(), 1)
        self.assertIn("agent: the function does not start: UnknownFunction: unknown function "
                      "'nothing'; this guest has ", self.agent.output)

    def test_a_function_may_be_imported_ahead(self):
        self.write("ahead.py", """
            print("imported", flush=True)
            def handle(params, store):
                return 1
        """)
        self.run_functions("faasnap.function=ahead")
        self.agent.wait_for("imported\nagent: listening on")
        self.assertEqual(self.result("ahead"), 1)

    def test_the_artifacts_functions_need_their_word(self):
        # A client of Redis is imported, not used.
        self.write("redis.py", "")
        environment = {"PYTHONPATH": self.folder, "FAASNAP_FUNCTIONS": os.path.dirname(RUNTIME)}
        self.run_functions(**environment)
        self.ready()
        for name in ("exec", "run", "allocate"):
            self.assert_error(self.ask(name), 404, "unknown function")
        self.agent.stop()
        os.unlink(self.agent.path)
        self.run_functions("faasnap.artifact=1", **environment)
        self.ready()
        self.result("exec", json.dumps({"script": "kept = [mmap.PAGESIZE]"}))
        self.result("exec", json.dumps({"script": "open('kept', 'w').write(repr(kept))"}))
        with open(os.path.join(self.folder, "kept"), encoding="ascii") as file:
            self.assertEqual(file.read(), f"[{os.sysconf('SC_PAGESIZE')}]")
        self.result("run", b'{"args": "echo $((6 * 7)) >answer"}')
        with open(os.path.join(self.folder, "answer"), encoding="ascii") as file:
            self.assertEqual(file.read(), "42\n")
        self.assert_error(self.ask("run", b'{"args": "exit 3"}'), 500, "status 3")
        for name, parameter in (("exec", "script"), ("run", "args")):
            self.assert_error(self.ask(name), 422, f"parameter '{parameter}' is missing")
        self.result("run", b'{"args": "echo 8 > /proc/sys/vm/drop_caches"}')
        self.assertEqual(self.result("allocate", b'{"size": "1000"}'), {"length": 1000})


class ModuleTest(RuntimeTest):
    def test_a_handler_of_lambdas_form_is_served(self):
        self.write("app.py", """
            def run(event, context):
                return [event, context.function_name, context.memory_limit_in_mb,
                        context.aws_request_id, context.invoked_function_arn,
                        0 < context.get_remaining_time_in_millis() <= 600_000]
            def fail(event, context):
                raise ValueError("no luck")
        """)
        self.run_functions(LAMBDA_TASK_ROOT=self.folder, config={
            "Name": "f", "Handler": "app.run", "TimeoutMs": 600_000, "MemoryMiB": 1024})
        self.ready()
        reply = self.request("POST", "/invoke?function=f", b"[1, null]", {"X-Amzn-RequestId": "a-1"})
        self.assertEqual(reply.json()["result"], [
            [1, None], "f", "1024", "a-1", "arn:aws:lambda:us-east-1:000000000000:function:f", True])
        self.agent.stop()
        os.unlink(self.agent.path)
        self.run_functions(LAMBDA_TASK_ROOT=self.folder, config={"Name": "f", "Handler": "app.fail"})
        self.ready()
        # In Lambda a ValueError is a failure like another.
        self.assert_error(self.ask("f"), 500, "f: ValueError: no luck")
        error = self.request("POST", "/2015-03-31/functions/f/invocations", b"1").json()
        self.assertEqual((error["errorType"], error["errorMessage"]), ("ValueError", "no luck"))
        self.assertIn("in fail", error["stackTrace"][-1])

    def test_a_handler_with_a_store_is_one_of_this_project(self):
        self.write("app.py", """
            import random
            def after_restore():
                global restored
                restored = True
            restored = False
            def handle(params, store):
                return [restored, params, random.random()]
        """)
        self.run_functions(LAMBDA_TASK_ROOT=self.folder, config={"Name": "f", "Handler": "app.handle"})
        self.ready()
        first, second = (self.result("f", b'{"a": 1}', vm="7") for _ in range(2))
        # It was imported before the first VM was named.
        self.assertEqual(first[:2], [True, {"a": 1}])
        self.assertNotEqual(first[2], second[2])
        self.assert_error(self.ask("f", b"[1]"), 400, "not a JSON object")

    def test_a_module_that_is_missing_ends_the_agent(self):
        self.run_functions(config={"Name": "f", "Handler": "nowhere.handle"})
        self.assertEqual(self.agent.wait(), 1)
        self.assertIn("does not start: ModuleNotFoundError: No module named 'nowhere'",
                      self.agent.output)


if __name__ == "__main__":
    unittest.main()
