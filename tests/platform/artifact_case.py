# SPDX-License-Identifier: Apache-2.0
"""A client of the artifact's interface that talks as its evaluation driver's does: one keep-alive
connection, the content type on every request, {} as the body of a PUT or DELETE that has none."""

import http.client
import json
import re
import urllib.parse

LISTEN = "127.0.0.1:0"


class Refused(Exception):
    """An answer other than 2xx, as the driver's client sees it."""

    def __init__(self, status, headers, content):
        super().__init__(f"{status} {content}")
        self.status, self.headers = status, headers
        self.body = json.loads(content)


class Client:
    """One connection. `log` is that of a Server, which says the port."""

    def __init__(self, log):
        found = re.search(r"the artifact's interface on \S+ port (\d+)", "".join(log))
        self.connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=900)
        self.headers = {}

    def close(self):
        self.connection.close()

    def send(self, method, path, body=None, headers=None):
        """Returns status, headers and content."""
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        if headers is None:
            headers = {"Content-Type": "application/json"}
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        return response.status, response.headers, response.read()

    def call(self, method, path, body=None, **query):
        """Returns the reply's JSON; nothing if it is empty. Raises Refused."""
        if query:
            path += "?" + "&".join(f"{key}={urllib.parse.quote(value, safe='')}"
                                   for key, value in query.items())
        if body is None and method in ("PUT", "DELETE"):
            body = {}
        status, self.headers, content = self.send(method, path, body)
        if status >= 300:
            raise Refused(status, self.headers, content)
        return json.loads(content) if content else None
