# SPDX-License-Identifier: Apache-2.0
"""The AWS Lambda Runtime API, from a process's side.

The client is its own: http.client imports the e-mail parser, and each page that a process touches is
a page to load in every restored VM.
"""

import socket

_PREFIX = "/2018-06-01/runtime/"


class Event:
    """An invocation: its id, its headers (names in lower case) and the bytes of its event."""

    def __init__(self, headers, body):
        self.id = headers["lambda-runtime-aws-request-id"]
        self.headers = headers
        self.body = body


class RuntimeApi:
    """The calls of the API, over one connection. Raises OSError if the agent is gone."""

    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self._host = address
        # create_connection would import what international names need.
        self._connection = socket.socket(socket.AF_INET)
        self._connection.connect((host, int(port)))
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = self._connection.makefile("rb")

    def next(self):
        """Waits for an invocation."""
        return Event(*self._exchange("GET", "invocation/next", b"", {}))

    def post(self, call, body, headers={}):
        self._exchange("POST", call, body, headers)

    def _exchange(self, method, call, body, headers):
        lines = [f"{method} {_PREFIX}{call} HTTP/1.1", f"Host: {self._host}",
                 f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        self._connection.sendall(body)
        return self._read_answer()

    def _read_answer(self):
        if not self._stream.readline():
            raise ConnectionError("the agent has closed the connection")
        headers = {}
        while line := self._stream.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        return headers, self._stream.read(int(headers["content-length"]))
