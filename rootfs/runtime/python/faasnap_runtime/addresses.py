# SPDX-License-Identifier: Apache-2.0
"""Socket addresses as text: vsock:CID:PORT, tcp:HOST:PORT and unix:PATH."""

import socket


class Address:
    """Where to listen or connect to. `family` and `target` are as the socket module wants them."""

    def __init__(self, text):
        self.text = text
        kind, _, rest = text.partition(":")
        host, _, port = rest.rpartition(":")
        if kind == "unix" and rest:
            self.family, self.target = socket.AF_UNIX, rest
        elif kind == "tcp" and host and _is_port(port):
            self.family, self.target = socket.AF_INET, (host, int(port))
        elif kind == "vsock" and _is_number(host) and _is_number(port):
            self.family, self.target = socket.AF_VSOCK, (int(host), int(port))
        else:
            raise ValueError(
                f"address {text!r}: expected vsock:CID:PORT, tcp:HOST:PORT or unix:PATH"
            )

    def listen(self, backlog):
        """A new listening socket."""
        listener = socket.socket(self.family, socket.SOCK_STREAM)
        try:
            if self.family == socket.AF_INET:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(self.target)
            listener.listen(backlog)
        except OSError:
            listener.close()
            raise
        return listener

    def connect(self, timeout):
        """A new connected socket; a call on it fails after `timeout` seconds without progress."""
        connection = socket.socket(self.family, socket.SOCK_STREAM)
        try:
            connection.settimeout(timeout)
            connection.connect(self.target)
        except OSError:
            connection.close()
            raise
        return connection


def _is_number(text):
    return text.isascii() and text.isdigit() and int(text) < 2**32


def _is_port(text):
    return _is_number(text) and int(text) < 2**16
