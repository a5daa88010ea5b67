# SPDX-License-Identifier: Apache-2.0
"""What the tests of the guest's Python code share. Importing it puts the agent on the path."""

import os
import socket
import sys

ROOTFS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "rootfs")
FUNCTIONS = os.path.join(ROOTFS, "functions")
sys.path.insert(0, os.path.join(ROOTFS, "agent"))


class DictStore(dict):
    """An object store in memory, with the calls of redis-py that functions use."""

    def set(self, key, value):
        self[key] = bytes(value)
        return True


def read_reply(stream):
    """Status, headers and body of the next HTTP reply, or None at the end of the stream."""
    line = stream.readline()
    if not line:
        return None
    headers = {}
    while (header := stream.readline().strip()):
        name, _, value = header.decode().partition(":")
        headers[name.lower()] = value.strip()
    return int(line.split()[1]), headers, stream.read(int(headers["content-length"]))


def connect(path):
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(30)
    connection.connect(path)
    return connection
