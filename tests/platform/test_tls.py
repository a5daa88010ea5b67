# SPDX-License-Identifier: Apache-2.0
"""The platform by TLS, with certificates of the test's own."""

import os
import signal
import socket
import ssl
import subprocess
import time

from platform_case import PlatformCase, lambda_client


class TlsTest(PlatformCase):
    def setUp(self):
        super().setUp()
        self.certificate, self.key = self.path("certificate.pem"), self.path("key.pem")
        self.certify()

    def certify(self):
        """A new key and certificate in place of those that are there."""
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
             "-noenc", "-days", "2", "-subj", "/CN=faasnap", "-addext", "subjectAltName=IP:127.0.0.1",
             "-out", self.certificate, "-keyout", self.key],
            check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)

    def start_secure(self):
        server = self.start(tls={"certificate": self.certificate, "key": self.key})
        server.url = server.url.replace("http:", "https:")
        return server

    def connect(self, server, **limits):
        context = ssl.create_default_context(cafile=self.certificate)
        for name, value in limits.items():
            setattr(context, name, value)
        return context.wrap_socket(socket.create_connection(("127.0.0.1", server.port), timeout=20),
                                   server_hostname="127.0.0.1")

    def healthy(self, server):
        with self.connect(server) as client:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: client.recv(4096), b""))
        return answer.startswith(b"HTTP/1.1 200") and b'"ok"' in answer

    def refused(self, **tls):
        return self.does_not_start(1, "--config", self.write_config(tls=tls), "--without-kvm")

    def test_awss_client_is_served(self):
        self.make_image("hello")
        server = self.start_secure()
        os.environ["AWS_CA_BUNDLE"] = self.certificate
        self.addCleanup(os.environ.pop, "AWS_CA_BUNDLE")
        client = lambda_client(server)
        client.create_function(FunctionName="greet", Role="arn:aws:iam::0:role/none",
                               PackageType="Image", Code={"ImageUri": "hello"})
        self.assertEqual(client.list_functions()["Functions"][0]["FunctionName"], "greet")
        # Many records, of a request and of its answer.
        client.update_function_configuration(FunctionName="greet", Description="d" * 256)
        with self.connect(server) as stream:
            stream.sendall(b"POST /2015-03-31/functions HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                           b"Content-Length: 3000000\r\n\r\n" + b"x" * 3_000_000)
            self.assertIn(b" 400 ", stream.recv(64))

    def test_only_tls_from_1_2_on_is_spoken(self):
        server = self.start_secure()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.connect(server, minimum_version=version, maximum_version=version) as client:
                self.assertEqual(client.version(), version.name.replace("_", "."))
        with self.assertRaises(OSError):
            self.connect(server, minimum_version=ssl.TLSVersion.TLSv1,
                         maximum_version=ssl.TLSVersion.TLSv1_1)
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as plain:
            plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
            self.assertNotIn(b"HTTP/1.1", plain.recv(4096))
        self.assertTrue(self.healthy(server))

    def test_who_stalls_holds_up_neither_others_nor_the_end(self):
        server = self.start_secure()
        stalled = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(3)]
        stalled[1].sendall(b"\x16\x03\x01")
        with self.connect(server) as idle:
            self.assertTrue(self.healthy(server))
            began = time.monotonic()
            self.assertEqual(server.end(), 0)
            self.assertLess(time.monotonic() - began, 20)
            self.assertEqual(idle.recv(1), b"")
        for client in stalled:
            client.close()

    def test_a_new_certificate_is_used_after_sighup_and_a_wrong_one_is_not(self):
        server = self.start_secure()
        self.assertTrue(self.healthy(server))
        self.certify()
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.healthy(server)
        server.process.send_signal(signal.SIGHUP)
        self.wait_for_log(server, "has read")
        self.assertTrue(self.healthy(server))
        with open(self.key, "w", encoding="utf-8") as key:
            key.write("nothing\n")
        server.process.send_signal(signal.SIGHUP)
        self.assertIn("tls.key: " + self.key, self.wait_for_log(server, "keeps the certificate"))
        self.assertTrue(self.healthy(server))

    def wait_for_log(self, server, text):
        for line in server.process.stderr:
            if text in line:
                return line
        raise AssertionError("the platform has ended")

    def test_what_is_wrong_is_named(self):
        good = {"certificate": self.certificate, "key": self.key}
        self.assertIn("tls: expected certificate and key", self.refused(certificate=self.certificate))
        self.assertIn("tls.certificate: /nowhere: expected certificates in PEM",
                      self.refused(**{**good, "certificate": "/nowhere"}))
        self.assertIn("/nowhere", self.refused(**{**good, "key": "/nowhere"}))
        self.assertIn(f"tls.key: {self.certificate}: expected a private key",
                      self.refused(**{**good, "key": self.private_copy(self.certificate)})
                      .replace(self.path("copy"), self.certificate))
        old = self.private_copy(self.key)
        self.certify()
        self.assertIn("expected the key of the certificate", self.refused(**{**good, "key": old}))
        os.chmod(self.key, 0o640)
        self.assertIn("mode 0600", self.refused(**good))

    def private_copy(self, path):
        copy = self.path("copy")
        with open(path, "rb") as source, open(copy, "wb") as target:
            target.write(source.read())
        os.chmod(copy, 0o600)
        return copy
