# SPDX-License-Identifier: Apache-2.0
"""How functions of a folder are found, imported, called and told of a restore, with functions made
for the test."""

import os
import tempfile
import textwrap
import unittest
from unittest import mock

import support  # noqa: F401 (puts the runtime on the path)

from faasnap_runtime import runner
from faasnap_runtime.registry import Registry, UnknownFunction
from faasnap_runtime.runner import Runner

_FUNCTIONS = {
    "dice": """
        import random
        def handle(params, store):
            return random.getrandbits(128)
        """,
    "storing": """
        def handle(params, store):
            return store.get("key")
        """,
    "counted": """
        calls = 0
        def handle(params, store):
            global calls
            calls += 1
            return calls
        """,
    "restored": """
        restores = 0
        def after_restore():
            global restores
            restores += 1
        def handle(params, store):
            return restores
        """,
    "unready": """
        restores = 0
        def after_restore():
            global restores
            restores += 1
            if restores == 1:
                raise ValueError("no network yet")
        def handle(params, store):
            return restores
        """,
}


class RunnerTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for name, source in _FUNCTIONS.items():
            with open(os.path.join(folder.name, f"{name}.py"), "w", encoding="utf-8") as file:
                file.write(textwrap.dedent(source))
        self.runner = Runner(Registry(folder.name), None)

    def result(self, name, vm=None):
        return self.runner.invoke(name, {}, vm)[0]

    def test_random_numbers_differ_between_invocations(self):
        self.assertEqual(len({self.result("dice") for _ in range(5)}), 5)

    def test_a_function_is_imported_once(self):
        self.assertEqual([self.result("counted") for _ in range(3)], [1, 2, 3])

    def test_an_unknown_function_is_told_from_those_that_there_are(self):
        for name in ("nothing", "../runner", "Dice", "dice.py", "%64ice"):
            with self.assertRaisesRegex(UnknownFunction, "this guest has counted, dice, restored"):
                self.result(name)

    def test_a_function_without_a_store_says_what_it_misses(self):
        with self.assertRaisesRegex(RuntimeError, "object store"):
            self.result("storing")

    def test_the_hook_runs_once_in_each_vm_that_finds_the_function_imported(self):
        self.assertEqual([self.result("restored", vm) for vm in "aabbbcc"], [0, 0, 1, 1, 1, 2, 2])

    def test_the_hook_of_each_function_runs(self):
        self.result("restored", "a")
        self.result("dice", "b")
        self.assertEqual(self.result("restored", "b"), 1)

    def test_an_invocation_that_names_no_vm_may_come_after_a_restore(self):
        self.assertEqual([self.result("restored") for _ in range(3)], [0, 1, 2])

    def test_a_function_whose_hook_fails_does_not_run(self):
        self.assertEqual(self.result("unready", "a"), 0)
        with self.assertRaisesRegex(RuntimeError, "after_restore: ValueError: no network yet"):
            self.result("unready", "b")
        self.assertEqual([self.result("unready", "b") for _ in range(2)], [2, 2])

    def test_generators_are_reseeded_once_in_each_vm(self):
        with mock.patch.object(runner.reseed, "reseed") as reseed:
            for vm in ("a", "a", "b", None, None, "b"):
                self.result("counted", vm)
        self.assertEqual(reseed.call_count, 5)


if __name__ == "__main__":
    unittest.main()
