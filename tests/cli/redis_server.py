# SPDX-License-Identifier: Apache-2.0
"""Debian's Redis server, started and stopped by a test."""

import os
import socket
import subprocess
import unittest

# The package redis-tools has the server under the name of a tool; what it does follows from the
# name that it is called by.
PROGRAMS = ("/usr/bin/redis-server", "/usr/bin/redis-check-rdb")


def _free_port(host):
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


class RedisServer:
    """A server that keeps nothing on disk, on a port of the loopback interface; with `prefix`, as
    for `ip netns exec`, elsewhere. Skips the test where there is no server."""

    def __init__(self, directory, *options, host="127.0.0.1", port=None, prefix=()):
        program = next((name for name in PROGRAMS if os.access(name, os.X_OK)), None)
        if program is None:
            raise unittest.SkipTest("there is no redis-server")
        # It is called by its own name through a link.
        link = os.path.join(directory, "redis-server")
        if not os.path.islink(link):
            os.symlink(program, link)
        for _ in range(5):
            self.address = f"{host}:{port or _free_port(host)}"
            self.process = subprocess.Popen(
                [*prefix, link, "--bind", host, "--port", self.address.rpartition(":")[2],
                 "--dir", directory, "--save", "", "--protected-mode", "no", *options],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            for line in self.process.stdout:
                if "Ready to accept connections" in line:
                    return
            # Its port was taken by somebody else.
            self.stop()
        raise RuntimeError("the Redis server does not come up")

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
