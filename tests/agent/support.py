# SPDX-License-Identifier: Apache-2.0
"""What the tests of the guest's agent share: the program itself, with a function, as an ordinary
process of this machine. FAASNAP_INIT names the program."""

import http.client
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import unittest

PROGRAM = os.environ["FAASNAP_INIT"]
HERE = os.path.dirname(os.path.abspath(__file__))
# Nothing in a guest has the C library's memory filled or checked, which takes more of it.
ENVIRONMENT = {name: value for name, value in os.environ.items()
               if name not in ("MALLOC_PERTURB_", "GLIBC_TUNABLES")}
# Generous, for machines under load.
PATIENCE = 120


class Host(http.client.HTTPConnection):
    """A connection to an agent that listens on a Unix socket."""

    def __init__(self, path):
        super().__init__("guest", timeout=PATIENCE)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Without a timeout, so that it waits while many connect.
        self.sock.connect(self._path)
        self.sock.settimeout(PATIENCE)


class Reply:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self):
        return json.loads(self.body)


class Agent:
    """A running agent, and what it has printed. `config` is image.json's value."""

    def __init__(self, folder, config, words=()):
        self.path = os.path.join(folder, "socket")
        image = os.path.join(folder, "image.json")
        with open(image, "w", encoding="utf-8") as file:
            file.write(config if isinstance(config, str) else json.dumps(config))
        self.process = subprocess.Popen(
            [PROGRAM, f"faasnap.listen=unix:{self.path}", f"faasnap.image={image}",
             "faasnap.runtime-api=tcp:127.0.0.1:0", *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", env=ENVIRONMENT)
        self.output = ""
        self._changed = threading.Condition()
        self._over = False
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self._changed:
                self.output += line
                self._changed.notify_all()
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def wait_for(self, text):
        """Waits until the agent or its function has printed `text`."""
        with self._changed:
            self._changed.wait_for(lambda: text in self.output or self._over, PATIENCE)
            if text not in self.output:
                raise AssertionError(f"{text!r} was not printed, but: {self.output}")

    def wait(self):
        status = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return status

    def peak_memory(self):
        """The most bytes of memory that the agent itself has had so far."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            peak = next(line for line in status if line.startswith("VmHWM:"))
        return int(peak.split()[1]) << 10

    def stop(self):
        self.process.kill()
        self.process.wait()
        self._reader.join(PATIENCE)
        self.process.stdout.close()


def remove_folder(folder):
    """Removes it once nothing that a killed function has started writes there any more."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return shutil.rmtree(folder)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


class AgentTest(unittest.TestCase):
    """Tests of an agent whose function the folder `self.folder` holds."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="faasnap-agent-")
        self.addCleanup(remove_folder, self.folder)

    def write(self, name, text, mode=0o755):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(text).lstrip())
        os.chmod(path, stat.S_IFREG | mode)
        return path

    def launch(self, config, *words):
        agent = Agent(self.folder, config, words)
        self.addCleanup(agent.stop)
        return agent

    def start(self, command, *words, **members):
        """An agent that listens, with a function that `command` (a list) runs; `members` are those
        of "Faasnap"."""
        path = os.environ.get("PATH", "")
        config = {"Entrypoint": command, "WorkingDir": self.folder, "Env": [f"PATH={path}"],
                  "Faasnap": {"Name": "f", **members}}
        self.agent = self.launch(config, *words)
        self.agent.wait_for("agent: listening on")
        return self.agent

    def start_python(self, source, *words, **members):
        """The same with a Python program that speaks the Runtime API by `bootstrap`."""
        self.write_python(source)
        return self.start([sys.executable, "-B", "program.py"], *words, **members)

    def write_python(self, source):
        self.write("program.py", source)
        shutil.copy(os.path.join(HERE, "bootstrap.py"), self.folder)

    def connection(self):
        host = Host(self.agent.path)
        self.addCleanup(host.close)
        return host

    def request(self, method, path, body=None, headers=None):
        host = Host(self.agent.path)
        try:
            host.request(method, path, body, headers or {})
            return Reply(host.getresponse())
        finally:
            host.close()

    def invoke(self, body=b"{}", headers=None):
        return self.request("POST", "/invoke?function=f", body, headers)

    def invoke_as_lambda(self, body=b"{}", headers=None):
        return self.request("POST", "/2015-03-31/functions/f/invocations", body, headers)

    def assert_error(self, reply, status, words):
        self.assertEqual(reply.status, status, reply.body)
        self.assertIn(words, reply.json()["error"])
