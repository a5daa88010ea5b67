# SPDX-License-Identifier: Apache-2.0
"""What the tests of the platform share: a real platform process, and clients of it."""

import http.client
import io
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest
import zipfile

PLATFORM = os.environ.get("FAASNAP_PLATFORM")
FAASNAP = os.environ.get("FAASNAP")
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
               "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}
ROLE = "arn:aws:iam::000000000000:role/none"


class Server:
    """A platform process. Its port is a free one."""

    def __init__(self, config, *options):
        self.process = subprocess.Popen(
            [PLATFORM, "--config", config, *options], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.log = []
        for line in self.process.stderr:
            self.log.append(line)
            if found := re.search(r"listens on \S+ port (\d+)", line):
                self.port = int(found[1])
                self.url = f"http://127.0.0.1:{self.port}"
                return
        raise AssertionError(f"the platform ended with {self.process.wait()}: {''.join(self.log)}")

    def end(self, number=signal.SIGTERM):
        """Returns the exit status."""
        self.process.send_signal(number)
        self.log.extend(self.process.stderr)
        self.process.stderr.close()
        return self.process.wait(timeout=60)

    def request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def json(self, method, path, body=None):
        status, _, content = self.request(method, path, body)
        if status >= 300:
            raise AssertionError(f"{method} {path}: {status} {content}")
        return json.loads(content)


def toml(settings):
    """Settings as a file's text: tables one level deep."""
    plain = [f"{key} = {json.dumps(value)}\n" for key, value in settings.items()
             if not isinstance(value, dict)]
    for name, table in settings.items():
        if isinstance(table, dict):
            plain.append(f"[{name}]\n")
            plain.extend(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
    return "".join(plain)


def metrics_of(text):
    """The values in what /metrics answers, by names without what all of them begin with."""
    lines = (line.rsplit(" ", 1) for line in text.decode().splitlines() if not line.startswith("#"))
    return {name.removeprefix("faasnap_platform_"): float(value) for name, value in lines}


def packed(*members):
    """A zip archive of (name or ZipInfo, text)."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in members:
            file.writestr(name, text)
    return archive.getvalue()


class PlatformCase(unittest.TestCase):
    """Runs platforms in a scratch directory, where no VM is needed."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="faasnap-platform-")
        self.addCleanup(scratch.cleanup)
        self.dir = scratch.name
        self.servers = []
        self.addCleanup(self.end_servers)

    def end_servers(self):
        for server in self.servers:
            if server.process.poll() is None:
                server.end(signal.SIGKILL)
            server.process.stderr.close()

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def make_image(self, name, handler="app.handler"):
        """An image as `faasnap image make` leaves it, as far as the platform looks into it."""
        directory = self.path("images", name)
        os.makedirs(directory)
        for file in ("vmlinux", "initramfs", "rootfs.img"):
            with open(os.path.join(directory, file), "w", encoding="utf-8") as image:
                image.write(name)
        manifest = {"config": {"Faasnap": {"Name": name, "Handler": handler}},
                    "files": {"rootfs.img": {"sha256": "00" * 32}}}
        with open(os.path.join(directory, "image.json"), "w", encoding="utf-8") as file:
            json.dump(manifest, file)

    def make_base(self):
        """An image below zip archives, whose entry point takes handlers. It does not boot."""
        root = self.path("root")
        os.makedirs(os.path.join(root, "usr", "bin"))
        shutil.copy(shutil.which("busybox"), os.path.join(root, "usr", "bin", "busybox"))
        kernel = self.path("kernel")
        os.makedirs(kernel)
        for file in ("vmlinux", "initramfs"):
            with open(os.path.join(kernel, file), "w", encoding="utf-8") as image:
                image.write(file)
        subprocess.run([FAASNAP, "image", "make", "base", "--from", root, "--base", kernel + "/",
                        "--entrypoint", "/usr/bin/busybox", "--images", self.path("bases")],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60, check=True)
        return self.path("bases", "base")

    def slow_command(self, run=f'exec "{FAASNAP}" "$@"'):
        """A command that makes images as `faasnap` does, but not before the file "go" is there. It
        ends with the scratch directory."""
        program = self.path("slow")
        with open(program, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\ncd '{self.dir}' || exit 1\n"
                       "while ! test -e go; do test -e slow || exit 1; sleep 0.05; done\n"
                       f"{run}\n")
        os.chmod(program, 0o755)
        return program

    def go(self):
        with open(self.path("go"), "w", encoding="utf-8"):
            pass

    def does_not_start(self, status, *arguments, says=""):
        """Returns the one line in which the platform says why."""
        done = subprocess.run([PLATFORM, *arguments], stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertRegex(done.stderr, r"\Afaasnap-platform: [^\n]+\n\Z")
        self.assertIn(says, done.stderr)
        return done.stderr

    def write_config(self, **settings):
        config = self.path("platform.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(toml({"port": 0, "state": self.path("state"),
                             "images": self.path("images"), **settings}))
        return config

    def start(self, **settings):
        server = Server(self.write_config(**settings), "--without-kvm")
        self.servers.append(server)
        return server


class Stream:
    """What a client of InvokeWithResponseStream gets. botocore's own method is newer than Debian's."""

    def __init__(self, server, function, payload, **headers):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
        self.connection.request(
            "POST", f"/2021-11-15/functions/{function}/response-streaming-invocations", payload,
            {name.replace("_", "-"): value for name, value in headers.items()})
        self.response = self.connection.getresponse()
        self.status, self.headers = self.response.status, self.response.headers

    def events(self):
        """Type and payload of each event, when it comes. Sums are checked."""
        from botocore.eventstream import EventStreamBuffer
        buffer = EventStreamBuffer()
        while piece := self.response.read1(1 << 16):
            buffer.add_data(piece)
            for message in buffer:
                yield message.headers[":event-type"], message.payload
        self.connection.close()

    def refusal(self):
        """The status, the error's type, and its message."""
        return self.status, self.headers["x-amzn-ErrorType"], json.load(self.response)["Message"]


def lambda_client(server, key="test", secret="test", **config):
    """boto3's client, without repetitions, so that each error is seen."""
    import boto3
    from botocore.config import Config
    return boto3.client(
        "lambda", endpoint_url=server.url, region_name="us-east-1", aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(retries={"max_attempts": 0}, read_timeout=600, proxies={}, **config))
