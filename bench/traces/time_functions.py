# SPDX-License-Identifier: Apache-2.0
"""Prints how long each function computes on this machine, outside any VM, as `NAME first|second NS`:
its second invocation in one process, as a restored guest has had its first. To be run with the
image's own Python; from the source directory:
  rootfs/python build/images/tree bench/traces/time_functions.py build/images/inputs"""

import json
import os
import sys
import time

_ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "rootfs")
sys.path.insert(0, os.path.join(_ROOT, "runtime", "python"))

from faasnap_runtime.registry import Registry  # noqa: E402

_FUNCTIONS = os.path.join(_ROOT, "functions")
_INVOCATIONS = 5


class DirectoryStore:
    """What functions use of the object store, over the files of a directory."""

    def __init__(self, directory):
        self._directory = directory
        self._written = {}

    def get(self, key):
        if key in self._written:
            return self._written[key]
        try:
            with open(os.path.join(self._directory, key), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def set(self, key, value):
        self._written[key] = value


def main():
    store = DirectoryStore(sys.argv[1])
    registry = Registry(_FUNCTIONS)
    with open(os.path.join(_FUNCTIONS, "inputs.json"), encoding="utf-8") as file:
        inputs = json.load(file)["functions"]
    for name in sys.argv[2:] or sorted(inputs):
        handle = registry.load(name).handle
        for which, params in zip(("first", "second"), inputs[name]["quick"]):
            handle(params, store)
            times = []
            for _ in range(_INVOCATIONS):
                started = time.monotonic_ns()
                handle(params, store)
                times.append(time.monotonic_ns() - started)
            print(name, which, sorted(times)[len(times) // 2])


main()
