# SPDX-License-Identifier: Apache-2.0
"""The AWS Lambda Runtime API from a process's side, call by call, for functions of these tests."""

import http.client
import os

PREFIX = "/2018-06-01/runtime"


def connect():
    return http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])


def call(method, path, body=None, headers=None, connection=None):
    """Status, headers and body of the answer."""
    own = connection or connect()
    own.request(method, PREFIX + path, body, headers or {})
    response = own.getresponse()
    answer = response.status, response.headers, response.read()
    if connection is None:
        own.close()
    return answer


class Invocation:
    def __init__(self, connection=None):
        _, self.headers, self.body = call("GET", "/invocation/next", connection=connection)
        self.id = self.headers["Lambda-Runtime-Aws-Request-Id"]

    def respond(self, body, headers=None):
        return call("POST", f"/invocation/{self.id}/response", body, headers)

    def fail(self, body, headers=None):
        return call("POST", f"/invocation/{self.id}/error", body, headers)


def serve(handle):
    """Answers each invocation with what `handle` makes of its body."""
    connection = connect()
    while True:
        invocation = Invocation(connection)
        invocation.respond(handle(invocation))
