# SPDX-License-Identifier: Apache-2.0
"""The functions' store client, against a server that speaks just enough of the Redis protocol."""

import os
import socketserver
import tempfile
import threading
import unittest

import support  # noqa: F401 (puts the runtime on the path)

from faasnap_runtime.addresses import Address
from faasnap_runtime.runner import LazyStore


class _Handler(socketserver.StreamRequestHandler):
    """Answers GET and SET, and with an error anything else, as the library's own store may."""

    def handle(self):
        self.server.connections += 1
        while line := self.rfile.readline():
            words = []
            for _ in range(int(line[1:])):
                length = int(self.rfile.readline()[1:])
                words.append(self.rfile.read(length + 2)[:-2])
            self.wfile.write(self._answer(words))

    def _answer(self, words):
        self.server.commands.append(words[0])
        if words[0] == b"SET":
            self.server.objects[words[1]] = words[2]
            return b"+OK\r\n"
        if words[0] == b"GET":
            value = self.server.objects.get(words[1])
            return b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value)
        return b"-ERR unknown command\r\n"


class StoreTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "store")
        self.server = socketserver.ThreadingUnixStreamServer(self.path, _Handler)
        self.server.daemon_threads = True
        self.server.objects, self.server.commands, self.server.connections = {}, [], 0
        thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.store = LazyStore(Address(f"unix:{self.path}"))
        self.addCleanup(self.store.close)

    def test_objects_come_back_as_they_were_stored(self):
        data = bytes(range(256)) * 40_000
        self.store.set("key", data)
        self.assertEqual(self.store.get("key"), data)
        self.assertIsNone(self.store.get("other"))

    def test_the_client_sends_no_command_but_the_functions_own(self):
        self.store.get("key")
        self.assertEqual(self.server.commands, [b"GET"])

    def test_a_store_that_is_not_used_is_not_connected_to(self):
        self.store.close()
        self.assertEqual(self.server.connections, 0)

    def test_a_closed_store_connects_anew(self):
        self.store.set("key", b"value")
        self.store.close()
        self.assertEqual(self.store.get("key"), b"value")
        self.assertEqual(self.server.connections, 2)

    def test_an_unreachable_store_is_named(self):
        store = LazyStore(Address(f"unix:{self.path}.absent"))
        with self.assertRaisesRegex(Exception, "object store unix:.*absent"):
            store.get("key")


if __name__ == "__main__":
    unittest.main()
