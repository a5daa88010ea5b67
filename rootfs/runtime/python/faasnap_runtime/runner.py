# SPDX-License-Identifier: Apache-2.0
"""Runs functions: in the guest for main.py, outside any VM for run_function.py."""

import gc
import os
import random
import threading
import time

from faasnap_runtime import reseed


class LazyStore:
    """Stands for the object store until a function uses it, so that functions which do not never
    pay for the client."""

    def __init__(self, address):
        self._address = address
        self._client = None

    def __getattr__(self, name):
        if self._client is None:
            if self._address is None:
                raise RuntimeError("this function needs an object store and none is configured")
            from faasnap_runtime.store import open_store

            self._client = open_store(self._address)
        return getattr(self._client, name)

    def close(self):
        if self._client is not None:
            from faasnap_runtime.store import close_store

            close_store(self._client)
            self._client = None


class Runner:
    """Invokes the functions of a registry, one at a time: `random` and the libraries' own random
    number generators are shared by the whole process. Usable from any thread."""

    def __init__(self, registry, store_address):
        self._registry = registry
        self._store_address = store_address
        self._turn = threading.Lock()
        self._vm = None
        # Functions that were imported in an earlier VM and have not been told of this one.
        self._restored = set()

    def preload(self, name):
        """Imports function `name`, and the store's client if the function says that it uses it.
        What has been imported stays, so the garbage collector is not to look at it again: each
        look would write to all of it, and each clone fault on all of it."""
        if getattr(self._registry.load(name), "USES_STORE", False):
            import faasnap_runtime.store  # noqa: F401
        gc.collect()
        reseed.before_freeze()
        gc.freeze()

    def invoke(self, name, params, vm=None):
        """The function's result and the nanoseconds spent inside its handler. Raises what the
        handler raises, and UnknownFunction. `vm` is an id that differs from that of the last
        invocation if the machine has been restored meanwhile; None if nobody knows, which may mean
        that it has been."""
        with self._turn:
            self._enter(vm)
            handle = self._registry.load(name).handle
            self._after_restore(name)
            random.seed(os.urandom(32))
            # A connection of its own for every invocation: none is open while a snapshot is taken.
            store = LazyStore(self._store_address)
            try:
                started = time.monotonic_ns()
                result = handle(params, store)
                return result, time.monotonic_ns() - started
            finally:
                store.close()

    def _enter(self, vm):
        if vm is None or vm != self._vm:
            self._restored.update(self._registry.loaded())
            reseed.reseed()
            self._vm = vm

    def _after_restore(self, name):
        """Calls the function's hook, if it has one and is due. A hook that fails is called again
        before the next invocation: until it has returned the function is not safe to run."""
        if name not in self._restored:
            return
        hook = getattr(self._registry.load(name), "after_restore", None)
        if hook is not None:
            try:
                hook()
            except Exception as error:
                raise RuntimeError(f"after_restore: {type(error).__name__}: {error}") from error
        self._restored.discard(name)
