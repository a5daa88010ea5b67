# SPDX-License-Identifier: Apache-2.0
"""The agent's connections: a thread for each, so that an idle one holds up no other."""

import socket
import sys
import threading

from faasnap_agent.http import HttpError, encode_reply, read_body, read_request

MAX_CONNECTIONS = 64
IDLE_SECONDS = 300


class Server:
    """Serves `routes` on a listening socket, which it takes over. `serve` does not return until
    `close` is called from another thread."""

    def __init__(self, listener, routes):
        self._listener = listener
        self._routes = routes
        self._free = threading.Semaphore(MAX_CONNECTIONS)
        self._closing = False

    def serve(self):
        while not self._closing:
            try:
                connection, _ = self._listener.accept()
            except OSError as error:
                if self._closing:
                    return
                # One failed connection (reset before it was accepted) is no reason to stop.
                print(f"agent: accept: {error}", file=sys.stderr, flush=True)
                continue
            if self._free.acquire(blocking=False):
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()
            else:
                _refuse(connection)

    def close(self):
        self._closing = True
        try:
            # Wakes a thread that waits in accept, which close alone does not.
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()

    def _serve(self, connection):
        try:
            with connection, connection.makefile("rb") as stream:
                connection.settimeout(IDLE_SECONDS)
                while self._serve_one(connection, stream):
                    pass
        except OSError:
            # The peer is gone or idle for too long, as after a restore: nobody to tell.
            pass
        finally:
            self._free.release()

    def _serve_one(self, connection, stream):
        """Answers one request; False once the connection is to be closed."""
        request = None
        after = None
        try:
            request = read_request(stream)
            if request is None:
                return False
            read_body(stream, request)
            value, after = self._routes.answer(request)
            reply = encode_reply(200, value, request.keep_alive)
        except HttpError as error:
            keep_alive = request is not None and request.keep_alive and not error.fatal
            reply = encode_reply(error.status, {"error": str(error)}, keep_alive, error.headers)
            connection.sendall(reply)
            return keep_alive
        except (TypeError, ValueError) as error:
            reply = encode_reply(500, {"error": f"the result is not JSON: {error}"}, True)
        connection.sendall(reply)
        if after is not None:
            after(connection)
        return request.keep_alive


def _refuse(connection):
    with connection:
        try:
            message = f"more than {MAX_CONNECTIONS} connections"
            connection.settimeout(1)
            connection.sendall(encode_reply(503, {"error": message}, False))
        except OSError:
            pass
