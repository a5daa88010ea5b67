# SPDX-License-Identifier: Apache-2.0
"""Lambda's interface by AWS's own clients, but for what runs a function: run_in_guests does that."""

import base64
import os
import signal
import subprocess
import time

from botocore.exceptions import ClientError

from platform_case import CREDENTIALS, ROLE, PlatformCase, Stream, lambda_client


class LambdaTest(PlatformCase):
    def setUp(self):
        super().setUp()
        self.make_image("hello")
        self.server = self.start(events={"retries": 1, "retry_pause_s": 0})
        self.client = lambda_client(self.server)

    def create(self, name="greet", **more):
        return self.client.create_function(FunctionName=name, Role=ROLE, PackageType="Image",
                                           Code={"ImageUri": "hello:latest"}, **more)

    def refused(self, code, status, call, says="", **arguments):
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        response = caught.exception.response
        self.assertEqual(response["Error"]["Code"], code)
        self.assertEqual(response["ResponseMetadata"]["HTTPStatusCode"], status)
        self.assertIn(says, response["Error"]["Message"])

    def test_a_function_is_created_read_changed_and_deleted(self):
        made = self.create(Timeout=7, MemorySize=256, Description="greets")
        self.assertEqual(made["FunctionArn"], "arn:aws:lambda:us-east-1:000000000000:function:greet")
        self.assertEqual((made["Timeout"], made["MemorySize"], made["Version"]), (7, 256, "$LATEST"))
        self.client.get_waiter("function_active_v2").wait(FunctionName="greet")
        read = self.client.get_function(FunctionName="greet")
        self.assertEqual(read["Configuration"]["Description"], "greets")
        self.assertEqual(read["Code"]["ImageUri"], "hello:latest")
        changed = self.client.update_function_configuration(FunctionName="greet", Timeout=9)
        self.assertEqual((changed["Timeout"], changed["MemorySize"]), (9, 256))
        self.client.get_waiter("function_updated_v2").wait(FunctionName="greet")
        self.client.update_function_code(FunctionName="greet", ImageUri="hello")
        by_arn = self.client.get_function_configuration(FunctionName=made["FunctionArn"])
        self.assertEqual(by_arn["Timeout"], 9)
        self.client.delete_function(FunctionName="greet")
        self.refused("ResourceNotFoundException", 404, self.client.get_function, "greet",
                     FunctionName="greet")

    def test_functions_are_listed_in_pages(self):
        for name in ("c", "a", "b"):
            self.create(name)
        pages = self.client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2})
        names = [[each["FunctionName"] for each in page["Functions"]] for page in pages]
        self.assertEqual(names, [["a", "b"], ["c"]])

    def test_versions_stay_as_they_were_published(self):
        self.create(Timeout=5)
        first = self.client.publish_version(FunctionName="greet", Description="one")
        self.assertEqual(first["Version"], "1")
        # Without a change there is no new version.
        self.assertEqual(self.client.publish_version(FunctionName="greet")["Version"], "1")
        self.client.update_function_configuration(FunctionName="greet", Timeout=6)
        self.assertEqual(self.client.publish_version(FunctionName="greet")["Version"], "2")
        old = self.client.get_function_configuration(FunctionName="greet", Qualifier="1")
        self.assertEqual((old["Timeout"], old["Description"]), (5, "one"))
        versions = self.client.list_versions_by_function(FunctionName="greet")["Versions"]
        self.assertEqual([each["Version"] for each in versions], ["$LATEST", "1", "2"])
        self.client.delete_function(FunctionName="greet:1")
        self.refused("ResourceNotFoundException", 404, self.client.get_function,
                     FunctionName="greet", Qualifier="1")

    def test_an_alias_leads_to_the_version_that_it_names(self):
        self.create(Timeout=5)
        self.client.publish_version(FunctionName="greet")
        self.client.update_function_configuration(FunctionName="greet", Timeout=6)
        self.client.publish_version(FunctionName="greet")
        made = self.client.create_alias(FunctionName="greet", Name="live", FunctionVersion="1",
                                        Description="what serves")
        self.assertEqual(made["AliasArn"],
                         "arn:aws:lambda:us-east-1:000000000000:function:greet:live")
        read = self.client.get_function_configuration(FunctionName="greet", Qualifier="live")
        self.assertEqual((read["Version"], read["Timeout"], read["FunctionArn"]),
                         ("1", 5, made["AliasArn"]))
        changed = self.client.update_alias(
            FunctionName="greet", Name="live",
            RoutingConfig={"AdditionalVersionWeights": {"2": 1.0}})
        self.assertEqual((changed["FunctionVersion"], changed["Description"]), ("1", "what serves"))
        ran = self.client.invoke(FunctionName=made["AliasArn"], InvocationType="DryRun")
        self.assertEqual(ran["ExecutedVersion"], "2")
        self.client.update_alias(FunctionName="greet", Name="live", FunctionVersion="2",
                                 RoutingConfig={"AdditionalVersionWeights": {}})
        self.client.create_alias(FunctionName="greet", Name="old", FunctionVersion="1")
        # It is there after a crash.
        self.server.end(signal.SIGKILL)
        self.client = lambda_client(self.start())
        self.assertEqual(self.client.invoke(FunctionName="greet:live", InvocationType="DryRun")
                         ["ExecutedVersion"], "2")
        pages = self.client.get_paginator("list_aliases").paginate(
            FunctionName="greet", PaginationConfig={"PageSize": 1})
        self.assertEqual([[each["Name"] for each in page["Aliases"]] for page in pages],
                         [["live"], ["old"]])
        of_one = self.client.list_aliases(FunctionName="greet", FunctionVersion="1")["Aliases"]
        self.assertEqual([each["Name"] for each in of_one], ["old"])
        self.refused("ResourceConflictException", 409, self.client.delete_function, "'live'",
                     FunctionName="greet", Qualifier="2")
        self.client.delete_alias(FunctionName="greet", Name="live")
        self.refused("ResourceNotFoundException", 404, self.client.get_alias, "Cannot find alias",
                     FunctionName="greet", Name="live")
        self.refused("ResourceNotFoundException", 404, self.client.invoke, FunctionName="greet",
                     Qualifier="live")
        self.client.delete_function(FunctionName="greet", Qualifier="2")

    def test_concurrency_is_set_and_taken_away(self):
        self.create()
        self.client.put_function_concurrency(FunctionName="greet", ReservedConcurrentExecutions=3)
        read = self.client.get_function_concurrency(FunctionName="greet")
        self.assertEqual(read["ReservedConcurrentExecutions"], 3)
        self.client.delete_function_concurrency(FunctionName="greet")
        self.assertNotIn("ReservedConcurrentExecutions",
                         self.client.get_function_concurrency(FunctionName="greet"))

    def test_what_is_wrong_is_refused_by_lambdas_own_errors(self):
        self.create()
        invalid = "InvalidParameterValueException"
        self.refused("ResourceConflictException", 409, self.create)
        self.refused(invalid, 400, self.create, "letters", name="a.b")
        self.refused(invalid, 400, self.create, "MemorySize", name="x", MemorySize=20_000)
        self.refused(invalid, 400, self.create, "Environment", name="x",
                     Environment={"Variables": {"A": "1"}})
        self.refused(invalid, 400, self.client.create_function, "no image 'none'", FunctionName="x",
                     Role=ROLE, PackageType="Image", Code={"ImageUri": "none"})
        self.refused(invalid, 400, self.client.create_function, "base_image", FunctionName="x",
                     Role=ROLE, Runtime="python3.11", Handler="a.b", Code={"ZipFile": b"PK\3\4"})
        self.refused("ResourceNotFoundException", 404, self.client.invoke, FunctionName="none")
        self.refused("InvalidRequestContentException", 400, self.client.invoke, "json",
                     FunctionName="greet", Payload=b"{")
        self.refused("RequestTooLargeException", 413, self.client.invoke, FunctionName="greet",
                     Payload=b'"' + b"a" * (6 << 20) + b'"')

    def test_an_invocation_without_kvm_fails_at_once_and_says_why(self):
        self.create()
        self.assertEqual(self.client.invoke(FunctionName="greet", InvocationType="DryRun")
                         ["StatusCode"], 204)
        self.refused("ServiceException", 500, self.client.invoke, "no VM can run",
                     FunctionName="greet")
        metrics = self.server.request("GET", "/metrics")[2].decode()
        self.assertIn('invocations_total{function="greet",outcome="failed",start="none"} 1', metrics)

    def test_a_stream_that_cannot_begin_is_refused_as_an_invocation_is(self):
        self.create()

        def refused(status, kind, says="", function="greet", payload=None, **headers):
            stream = Stream(self.server, function, payload, **headers)
            got = stream.refusal()
            stream.connection.close()
            self.assertEqual(got[:2], (status, kind))
            self.assertIn(says, got[2])

        tried = Stream(self.server, "greet:$LATEST", None, X_Amz_Invocation_Type="DryRun")
        self.assertEqual((tried.status, tried.headers["X-Amz-Executed-Version"]), (204, "$LATEST"))
        tried.connection.close()
        refused(500, "ServiceException", "no VM can run")
        refused(404, "ResourceNotFoundException", function="other")
        refused(400, "InvalidParameterValueException", "expected RequestResponse or DryRun",
                X_Amz_Invocation_Type="Event")
        refused(400, "InvalidRequestContentException", payload="{")
        refused(413, "RequestTooLargeException", payload="[" + " " * (6 << 20) + "]")
        past = self.server.json("GET", "/ui/data")["invocations"]
        self.assertEqual([each["result"] for each in past], ["failed"])

    def test_an_event_is_accepted_tried_again_and_given_up(self):
        self.create()
        self.assertEqual(self.client.invoke(FunctionName="greet", InvocationType="Event",
                                            Payload=b"{}")["StatusCode"], 202)
        deadline = time.monotonic() + 30
        while "events_dropped_total 1" not in (
                metrics := self.server.request("GET", "/metrics")[2].decode()):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        self.assertIn("event_retries_total 1", metrics)
        self.assertEqual(os.listdir(self.path("state", "events")), [])

    def test_a_killed_platform_loses_no_function_and_no_event(self):
        self.create(Timeout=8)
        self.client.publish_version(FunctionName="greet")
        self.server.end(signal.SIGKILL)
        self.server = self.start(events={"retries": 1, "retry_pause_s": 3600})
        client = lambda_client(self.server)
        client.invoke(FunctionName="greet", InvocationType="Event", Payload=b'{"n": 1}')
        self.server.end(signal.SIGKILL)
        client = lambda_client(self.start())
        read = client.get_function_configuration(FunctionName="greet", Qualifier="1")
        self.assertEqual(read["Timeout"], 8)
        # Without the file that takes its place when the next attempt has failed.
        [event] = [name for name in os.listdir(self.path("state", "events"))
                   if not name.endswith(".new")]
        with open(self.path("state", "events", event), encoding="utf-8") as file:
            self.assertIn('{"n": 1}', file.read())

    def test_the_aws_command_works(self):
        environment = {**os.environ, **CREDENTIALS, "HOME": self.dir, "NO_PROXY": "127.0.0.1"}

        def aws(*arguments):
            return subprocess.run(
                ["aws", "lambda", "--endpoint-url", self.server.url, *arguments], env=environment,
                cwd=self.dir, text=True, capture_output=True, timeout=120, check=False)

        done = aws("create-function", "--function-name", "greet", "--role", ROLE, "--package-type",
                   "Image", "--code", "ImageUri=hello", "--query", "FunctionName", "--output", "text")
        self.assertEqual((done.returncode, done.stdout), (0, "greet\n"), done.stderr)
        done = aws("invoke", "--function-name", "greet", "--invocation-type", "DryRun", "out.json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("204", done.stdout)

    def test_a_body_that_is_no_object_is_refused(self):
        status, headers, body = self.server.request(
            "POST", "/2015-03-31/functions", base64.b64decode("W10="))
        self.assertEqual((status, headers["x-amzn-ErrorType"]),
                         (400, "InvalidParameterValueException"))
        self.assertIn(b"expected a JSON object", body)
