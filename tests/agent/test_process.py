# SPDX-License-Identifier: Apache-2.0
"""The process of a function: how it starts, what ends it, and what its invocations hear of that."""

import os
import signal
import tempfile
import threading
import unittest

from support import PATIENCE, AgentTest, remove_folder


class StartTest(AgentTest):
    def assert_refused(self, config, words):
        agent = self.launch(config)
        self.assertEqual(agent.wait(), 1)
        self.assertIn(words, agent.output)

    def test_a_wrong_image_is_refused_with_the_reason(self):
        for config, words in (
                ("{", "image.json: not JSON"),
                ("[]", "image.json: expected a JSON object"),
                ("{}", "image.json: expected a program in Entrypoint or Cmd"),
                ({"Entrypoint": "sh"}, "Entrypoint: expected an array of strings"),
                ({"Cmd": ["sh", 1]}, "Cmd: expected an array of strings"),
                ({"Cmd": ["a\0b"]}, "Cmd: expected an array of strings"),
                ({"Cmd": ["sh"], "User": 7}, "User: expected a string"),
                ({"Cmd": ["sh"], "Faasnap": []}, "Faasnap: expected an object"),
                ({"Cmd": ["sh"], "Faasnap": {"Concurrency": 0}},
                 "Faasnap.Concurrency: expected a whole number of 1 to 64"),
                ({"Cmd": ["sh"], "Faasnap": {"TimeoutMs": -1}},
                 "Faasnap.TimeoutMs: expected a whole number"),
                ("[" * 500_000, "image.json: not JSON")):
            with self.subTest(words):
                self.assert_refused(config, words)

    def test_a_wrong_word_is_refused(self):
        for word, reason in (("faasnap.funktion=x", "unknown word faasnap.funktion"),
                             ("faasnap.max-payload=many", "expected bytes"),
                             ("faasnap.runtime-api=here", "expected vsock:CID:PORT"),
                             ("faasnap.runtime-api=tcp:host:1", "expected vsock:CID:PORT"),
                             ("faasnap.runtime-api=tcp:1.2.3.4:70000", "expected vsock:CID:PORT"),
                             ("faasnap.runtime-api=unix:", "expected vsock:CID:PORT")):
            with self.subTest(word):
                agent = self.launch({"Cmd": ["true"]}, word)
                self.assertEqual(agent.wait(), 1)
                self.assertIn(reason, agent.output)

    def test_a_program_that_cannot_start_ends_the_agent_with_the_reason(self):
        self.assert_refused({"Cmd": ["/no/such/program"]},
                            "agent: /no/such/program: No such file or directory")
        self.assert_refused({"Cmd": ["true"]}, "the function's process ended with exit status 0")
        self.assert_refused({"Cmd": ["true"], "WorkingDir": "/no/such/folder"}, "/no/such/folder")
        self.assert_refused({"Cmd": ["true"], "User": "nobody-of-that-name"},
                            "user nobody-of-that-name")

    def test_a_start_that_fails_ends_the_agent_with_the_reason(self):
        self.write_python("""
            import bootstrap, time
            bootstrap.call("POST", "/init/error",
                           b'{"errorMessage": "no module app", "errorType": "ImportError"}')
            time.sleep(1000)
        """)
        self.assert_refused({"Cmd": ["python3", "-B", "program.py"], "WorkingDir": self.folder,
                             "Env": ["PATH=" + os.environ["PATH"]]},
                            "agent: the function does not start: ImportError: no module app\n")

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_the_process_runs_as_the_images_user(self):
        # A folder that others reach, wherever that of the other tests is.
        self.folder = tempfile.mkdtemp(prefix="faasnap-agent-", dir="/tmp")
        self.addCleanup(remove_folder, self.folder)
        os.chmod(self.folder, 0o755)
        self.write_python("""
            import bootstrap, json, os
            ids = [os.getuid(), os.getgid(), os.getgroups()]
            bootstrap.serve(lambda event: json.dumps(ids))
        """)
        for user, ids in (("1234:4321", [1234, 4321, []]), ("1234", [1234, 0, []]),
                          ("daemon", [1, 1, []]), ("daemon:1000", [1, 1000, []]),
                          ("1:bin", [1, 2, []])):
            with self.subTest(user):
                self.agent = self.launch(
                    {"Cmd": ["/usr/bin/python3", "-B", "program.py"], "WorkingDir": self.folder,
                     "User": user, "Faasnap": {"Name": "f"}})
                self.agent.wait_for("agent: listening on")
                self.assertEqual(self.invoke().json()["result"], ids)
                self.agent.stop()
                os.unlink(self.agent.path)


class EndTest(AgentTest):
    SOURCE = """
        import bootstrap, json, os, subprocess, time
        def handle(event):
            what = json.loads(event.body)
            if what == "exit":
                print("last words", flush=True)
                os._exit(7)
            if what == "kill":
                os.kill(os.getpid(), 9)
            if what == "hang":
                time.sleep(1000)
            if what == "hang with child":
                child = subprocess.Popen(["sleep", "1000"])
                with open("child", "w") as file:
                    file.write(str(child.pid))
                time.sleep(1000)
            if what == "grow":
                return json.dumps(len(bytes(300 << 20)))
            return json.dumps(os.getpid())
        bootstrap.serve(handle)
    """

    def test_an_invocation_hears_how_the_process_ended_and_the_next_has_a_new_one(self):
        self.start_python(self.SOURCE)
        first = self.invoke(b"0").json()["result"]
        self.assert_error(self.invoke(b'"exit"'), 500,
                          "f: Runtime.ExitError: the function's process ended with exit status 7")
        second = self.invoke(b"0").json()["result"]
        self.assertNotEqual(first, second)
        self.assert_error(self.invoke(b'"kill"'), 500, "was killed by signal 9 (SIGKILL)")
        reply = self.invoke_as_lambda(b'"exit"')
        self.assertEqual((reply.status, reply.headers["X-Amz-Function-Error"]), (200, "Unhandled"))
        self.assertEqual(reply.json()["errorType"], "Runtime.ExitError")

    def test_an_invocation_that_takes_too_long_ends_with_its_processes(self):
        self.start_python(self.SOURCE, TimeoutMs=3000)
        self.assert_error(self.invoke(b'"hang"'), 504,
                          "f: Sandbox.Timedout: the invocation timed out after 3.000 seconds")
        self.assertEqual(self.invoke_as_lambda(b'"hang with child"').json()["errorType"],
                         "Sandbox.Timedout")
        with open(os.path.join(self.folder, "child"), encoding="ascii") as file:
            child = int(file.read())
        # The new process comes after the old one's end.
        self.assertGreater(self.invoke(b"0", {"Faasnap-Timeout-Ms": "0"}).json()["result"], 0)
        with self.assertRaises(ProcessLookupError):
            while True:
                os.kill(child, 0)
                if _is_zombie(child):
                    raise ProcessLookupError

    def test_the_host_may_set_a_shorter_limit_but_no_longer_one(self):
        self.start_python(self.SOURCE, TimeoutMs=5000)
        hang = b'"hang"'
        self.assert_error(self.invoke(hang, {"Faasnap-Timeout-Ms": "100"}), 504, "0.100 seconds")
        self.assert_error(self.invoke(hang, {"Faasnap-Timeout-Ms": "50000"}), 504, "5.000 seconds")

    def test_memory_has_a_limit(self):
        self.start_python(self.SOURCE, MemoryMiB=256)
        self.assert_error(self.invoke(b'"grow"'), 500, "ended with exit status 1")
        self.assertIn("MemoryError", self.agent.output)

    def test_a_process_that_ends_while_idle_is_replaced_for_the_next_invocation(self):
        self.start_python("""
            import bootstrap, json, os
            bootstrap.serve(lambda event: json.dumps(os.getpid()))
        """)
        processes = set()
        for number in range(1, 4):
            process = self.invoke().json()["result"]
            processes.add(process)
            os.kill(process, signal.SIGKILL)
            self.agent.wait_for("agent: the function's process was killed by signal 9 (SIGKILL)\n" *
                                number)
        self.assertEqual(len(processes), 3)

    def test_a_restart_that_fails_is_the_answer(self):
        self.start_python("""
            import bootstrap, os
            if os.path.exists("broken"):
                bootstrap.call("POST", "/init/error",
                               b'{"errorMessage": "gone", "errorType": "ImportError"}')
                os._exit(1)
            def handle(event):
                open("broken", "w").close()
                os._exit(1)
            bootstrap.serve(handle)
        """)
        self.assert_error(self.invoke(), 500, "ended with exit status 1")
        for _ in range(2):
            self.assert_error(self.invoke(), 500, "f: ImportError: gone")
        self.assertEqual(self.request("GET", "/healthz").status, 200)

    def test_a_process_that_dies_of_its_restore_fails_the_invocation_that_waits(self):
        self.start_python("""
            import bootstrap, os
            bootstrap.call("GET", "/restore/next")
            os._exit(5)
        """)
        for _ in range(2):
            self.assert_error(self.invoke(), 500, "ended with exit status 5")


class ConcurrencyTest(AgentTest):
    SOURCE = """
        import bootstrap, json, os, threading
        here = threading.Barrier(int(os.environ["AWS_LAMBDA_MAX_CONCURRENCY"]))
        def handle(event):
            here.wait()
            return json.dumps([event.body.decode(), threading.get_ident()])
        for _ in range(here.parties):
            threading.Thread(target=bootstrap.serve, args=(handle,)).start()
    """

    def together(self, count):
        replies = [None] * count

        def ask(number):
            replies[number] = self.invoke(b"%d" % number)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        return replies

    def test_as_many_run_at_once_as_the_image_says(self):
        self.start_python(self.SOURCE, Concurrency=3)
        results = [reply.json()["result"] for reply in self.together(3)]
        self.assertEqual([body for body, _ in results], ["0", "1", "2"])
        self.assertEqual(len({thread for _, thread in results}), 3)

    def test_otherwise_they_run_one_after_the_other(self):
        self.start_python("""
            import bootstrap, json, threading
            lock = threading.Lock()
            def handle(event):
                alone = lock.acquire(blocking=False)
                try:
                    return json.dumps(alone)
                finally:
                    lock.release()
            for _ in range(4):
                threading.Thread(target=bootstrap.serve, args=(handle,)).start()
        """)
        self.assertEqual([reply.json()["result"] for reply in self.together(8)], [True] * 8)

    def test_a_death_is_the_end_of_all_that_run(self):
        self.start_python("""
            import bootstrap, os, threading
            here = threading.Barrier(2)
            def handle(event):
                here.wait()
                os._exit(4)
            for _ in range(2):
                threading.Thread(target=bootstrap.serve, args=(handle,)).start()
        """, Concurrency=2)
        for reply in self.together(2):
            self.assert_error(reply, 500, "ended with exit status 4")


def _is_zombie(process):
    with open(f"/proc/{process}/stat", encoding="ascii") as file:
        return file.read().rsplit(")", 1)[1].split()[0] == "Z"


if __name__ == "__main__":
    unittest.main()
