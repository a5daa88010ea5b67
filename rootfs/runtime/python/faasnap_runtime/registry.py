# SPDX-License-Identifier: Apache-2.0
"""Finds and imports function files.

A function NAME is the file NAME.py in the functions folder, which is never on Python's module
path: a function named json does not hide the standard library's json.
"""

import importlib.util
import os
import re
import threading

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")


class UnknownFunction(Exception):
    """There is no function of that name."""


class Registry:
    """The functions of folders, each imported once, on first use; the first folder that has one of a
    name counts. Usable from any thread."""

    def __init__(self, *folders):
        self._folders = folders
        self._modules = {}
        self._lock = threading.Lock()

    def names(self):
        return sorted(
            {
                name[: -len(".py")]
                for folder in self._folders
                for name in os.listdir(folder)
                if name.endswith(".py") and _NAME.match(name[: -len(".py")])
            }
        )

    def loaded(self):
        """The names of the functions that have been imported."""
        with self._lock:
            return list(self._modules)

    def load(self, name):
        """The module of function `name`; whatever its import raises, this raises."""
        with self._lock:
            if name not in self._modules:
                self._modules[name] = self._import(name)
            return self._modules[name]

    def _import(self, name):
        paths = [os.path.join(folder, f"{name}.py") for folder in self._folders]
        path = next(filter(os.path.isfile, paths), None)
        if not _NAME.match(name) or path is None:
            known = ", ".join(self.names())
            raise UnknownFunction(f"unknown function {name!r:.80}; this guest has {known}")
        spec = importlib.util.spec_from_file_location(f"faasnap_function_{name}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
