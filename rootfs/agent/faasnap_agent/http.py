# SPDX-License-Identifier: Apache-2.0
"""The part of HTTP/1.1 that the agent speaks: requests with Content-Length, keep-alive, JSON
replies. A server of its own rather than http.server's: that one imports the e-mail parser, and
each page it touches is a page to load in every restored VM.
"""

import json

MAX_LINE = 8 * 1024
MAX_HEADERS = 64
MAX_BODY = 16 * 1024 * 1024

_REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    411: "Length Required",
    413: "Content Too Large",
    422: "Unprocessable Content",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}


class HttpError(Exception):
    """A request that is answered with an error. `fatal` says that the byte stream cannot be
    followed any further, so the connection closes after the reply."""

    def __init__(self, status, message, fatal=False, headers=()):
        super().__init__(message)
        self.status = status
        self.fatal = fatal
        self.headers = headers


class Request:
    """One request. `query` and `headers` (names in lower case) are plain dicts of text."""

    def __init__(self, method, path, query, headers, keep_alive):
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.keep_alive = keep_alive
        self.body = b""


def read_request(stream):
    """The next request of a buffered binary stream without its body, or None at its end."""
    line = _read_line(stream)
    if line is None:
        return None
    parts = line.split(" ")
    if len(parts) != 3 or not parts[1].startswith("/"):
        raise HttpError(400, "the request line is not METHOD /PATH HTTP/1.1", fatal=True)
    method, target, version = parts
    if version not in ("HTTP/1.0", "HTTP/1.1"):
        raise HttpError(505, f"unsupported protocol {version!r:.40}", fatal=True)
    headers = _read_headers(stream)
    connection = headers.get("connection", "").lower()
    keep_alive = connection == "keep-alive" if version == "HTTP/1.0" else connection != "close"
    path, _, query = target.partition("?")
    return Request(method, path, _parse_query(query), headers, keep_alive)


def read_body(stream, request):
    """Reads the request's body into it."""
    if "transfer-encoding" in request.headers:
        raise HttpError(501, "Transfer-Encoding is not supported: send Content-Length", fatal=True)
    text = request.headers.get("content-length")
    if text is None:
        if request.method == "POST":
            raise HttpError(411, "a POST request needs Content-Length", fatal=True)
        return
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise HttpError(400, f"Content-Length {text!r:.40} is not a number", fatal=True)
    length = int(text)
    if length > MAX_BODY:
        raise HttpError(413, f"a body of {length} bytes; at most {MAX_BODY} are taken", fatal=True)
    request.body = stream.read(length)
    if len(request.body) < length:
        raise HttpError(400, f"the body ends after {len(request.body)} of {length} bytes", True)


def encode_reply(status, value, keep_alive, headers=()):
    """A whole reply as bytes, `value` being its JSON body. Raises ValueError and TypeError for a
    value that JSON cannot say."""
    body = json.dumps(value, allow_nan=False).encode() + b"\n"
    head = [
        f"HTTP/1.1 {status} {_REASONS[status]}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"Connection: {'keep-alive' if keep_alive else 'close'}",
        *headers,
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def _read_line(stream):
    line = stream.readline(MAX_LINE + 1)
    if not line:
        return None
    if len(line) > MAX_LINE:
        raise HttpError(431, f"a header line is longer than {MAX_LINE} bytes", fatal=True)
    if not line.endswith(b"\n"):
        raise HttpError(400, "the request ends inside its header", fatal=True)
    return line.decode("latin-1").rstrip("\r\n")


def _read_headers(stream):
    headers = {}
    while line := _read_line(stream):
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise HttpError(400, f"{line!r:.60} is not a header line", fatal=True)
        name = name.lower()
        if name == "content-length" and name in headers:
            raise HttpError(400, "Content-Length is given twice", fatal=True)
        headers[name] = value.strip()
        if len(headers) > MAX_HEADERS:
            raise HttpError(431, f"more than {MAX_HEADERS} header lines", fatal=True)
    if line is None:
        raise HttpError(400, "the request ends inside its header", fatal=True)
    return headers


def _parse_query(query):
    """NAME=VALUE pairs. No percent decoding: no name that the agent knows needs it."""
    return dict(pair.partition("=")[::2] for pair in query.split("&") if pair)
