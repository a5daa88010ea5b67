# SPDX-License-Identifier: Apache-2.0
"""Who may send requests, as AWS's own client signs them."""

import os

from botocore.exceptions import ClientError

from platform_case import PlatformCase, lambda_client


class AuthTest(PlatformCase):
    def secret(self, name, text, mode=0o600):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def start_guarded(self):
        return self.start(auth={"keys": self.secret("keys", "AKID the/secret+\n"),
                                "tokens": self.secret("tokens", "the-token\n")})

    def denied(self, kind, server, **keys):
        with self.assertRaises(ClientError) as caught:
            lambda_client(server, **keys).list_functions()
        response = caught.exception.response
        self.assertEqual((response["Error"]["Code"],
                          response["ResponseMetadata"]["HTTPStatusCode"]), (kind, 403))

    def test_who_signs_with_the_right_key_is_served(self):
        self.make_image("hello")
        client = lambda_client(self.start_guarded(), key="AKID", secret="the/secret+")
        client.create_function(FunctionName="greet", Role="arn:aws:iam::0:role/none",
                               PackageType="Image", Code={"ImageUri": "hello"})
        client.publish_version(FunctionName="greet", Description="caf\u00e9  twice")
        client.create_alias(FunctionName="greet", Name="live", FunctionVersion="1")
        # With a colon in the path, parameters in the query, and a header more that is signed.
        ran = client.invoke(FunctionName="greet:live", Qualifier="live", InvocationType="DryRun",
                            LogType="Tail", Payload=b'{"n": 1}')
        self.assertEqual(ran["StatusCode"], 204)
        self.assertEqual(len(client.list_functions(FunctionVersion="ALL", MaxItems=50)["Functions"]),
                         2)

    def test_others_are_turned_away_by_awss_own_errors(self):
        server = self.start_guarded()
        self.denied("InvalidSignatureException", server, key="AKID", secret="another")
        self.denied("UnrecognizedClientException", server, key="NOBODY", secret="the/secret+")
        for path in ("/2015-03-31/functions", "/ui", "/ui/data", "/metrics"):
            status, headers, _ = server.request("GET", path)
            self.assertEqual((status, headers["x-amzn-ErrorType"]),
                             (403, "MissingAuthenticationTokenException"), path)
        # Whoever only looks whether it lives needs no secret.
        self.assertEqual(server.request("GET", "/healthz")[0], 200)

    def test_a_token_opens_everything(self):
        server = self.start_guarded()
        for path in ("/2015-03-31/functions", "/ui", "/ui/data", "/metrics"):
            for token, wanted in (("the-token", 200), ("the-toke", 403)):
                status = server.request("GET", path, headers={"Authorization": f"Bearer {token}"})[0]
                self.assertEqual(status, wanted, path)

    def test_the_artifacts_interface_is_not_a_way_around(self):
        config = self.write_config(auth={"tokens": self.secret("tokens", "the-token\n")},
                                   artifact={"listen": "0.0.0.0:8081"})
        self.does_not_start(1, "--config", config, "--without-kvm",
                            says="artifact.listen: '0.0.0.0:8081', expected a loopback address")

    def test_a_secret_that_others_may_read_is_refused(self):
        config = self.write_config(auth={"keys": self.secret("keys", "AKID secret\n", 0o644)})
        line = self.does_not_start(1, "--config", config, "--without-kvm")
        self.assertRegex(line, r"\Afaasnap-platform: [^\n]+keys: expected [^\n]+0600\)\n\Z")
