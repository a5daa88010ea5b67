# SPDX-License-Identifier: Apache-2.0
"""Functions that come as zip archives: how they become images, and what is refused. Nothing runs
them here; lambda_in_guests does that."""

import os
import shutil
import signal
import stat
import unittest
import zipfile

from botocore.exceptions import ClientError, WaiterError

from platform_case import FAASNAP, ROLE, PlatformCase, lambda_client, packed

HANDLER = "def handler(event, context):\n    return event\n"
INVALID = "InvalidParameterValueException"


def executable(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFREG | 0o755) << 16
    return info


@unittest.skipUnless(FAASNAP and shutil.which("busybox"), "needs the command faasnap and busybox")
class ArchivesTest(PlatformCase):
    def setUp(self):
        super().setUp()
        self.base = self.make_base()
        self.server = self.start_with()
        self.client = lambda_client(self.server)

    def start_with(self, faasnap=FAASNAP, **settings):
        return self.start(base_image=self.base, faasnap=faasnap, **settings)

    def create(self, code, name="greet", runtime="python3.11", handler="app.handler", **more):
        return self.client.create_function(FunctionName=name, Role=ROLE, Runtime=runtime,
                                           Handler=handler, Code={"ZipFile": code}, **more)

    def refused(self, kind, call, says, **arguments):
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        error = caught.exception.response["Error"]
        self.assertEqual(error["Code"], kind)
        self.assertIn(says, error["Message"])

    def revisions(self):
        directory = self.path("state", "images")
        return sorted(os.listdir(directory)) if os.path.isdir(directory) else []

    def test_an_archive_becomes_an_image_of_its_function(self):
        made = self.create(packed(("app.py", HANDLER)), Environment={"Variables": {"LEVEL": "info"}})
        self.assertEqual((made["State"], made["PackageType"], made["Runtime"], made["Handler"]),
                         ("Active", "Zip", "python3.11", "app.handler"))
        self.client.get_waiter("function_active_v2").wait(FunctionName="greet")
        self.assertEqual(self.revisions(), [made["RevisionId"]])
        with open(self.path("state", "images", made["RevisionId"], "image.json"),
                  encoding="utf-8") as file:
            manifest = file.read()
        self.assertIn('"LEVEL=info"', manifest)
        self.assertIn('"app.handler"', manifest)
        location = self.client.get_function(FunctionName="greet")["Code"]["Location"]
        self.assertTrue(zipfile.is_zipfile(location.removeprefix("file://")))

    def test_new_code_replaces_the_image_and_published_code_stays(self):
        first = self.create(packed(("app.py", HANDLER)), Publish=True)
        self.assertEqual((first["Version"], first["State"]), ("1", "Active"))
        second = self.client.update_function_code(FunctionName="greet",
                                                  ZipFile=packed(("app.py", HANDLER + "\n")))
        self.assertEqual((second["Version"], second["LastUpdateStatus"]), ("$LATEST", "Successful"))
        self.assertEqual(self.revisions(), sorted([first["RevisionId"], second["RevisionId"]]))
        self.client.delete_function(FunctionName="greet", Qualifier="1")
        self.assertEqual(self.revisions(), [second["RevisionId"]])

    def test_a_program_is_a_function_of_the_provided_runtime(self):
        code = packed((executable("bootstrap"), "#!/usr/bin/busybox sh\n"))
        self.assertEqual(self.create(code, runtime="provided.al2023")["State"], "Active")

    def test_what_is_no_function_is_refused_and_nothing_is_left(self):
        good = packed(("app.py", HANDLER))
        create = self.create
        self.refused(INVALID, create, "Could not unzip", code=b"not a zip archive")
        self.refused(INVALID, create, "ZipFile: is not an archive", code=good[:-30])
        self.refused(INVALID, create, "app", code=packed(("other.py", HANDLER)))
        self.refused(INVALID, create, "does not define 'run'", code=good, handler="app.run")
        self.refused(INVALID, create, "MODULE.FUNCTION", code=good, handler="app")
        self.refused(INVALID, create, "bootstrap", code=good, runtime="provided")
        self.refused(INVALID, create, "expected one that this host has: python3.11, provided",
                     code=good, runtime="java21")
        self.refused(INVALID, self.client.create_function, "Runtime and Handler are mandatory",
                     FunctionName="greet", Role=ROLE, Code={"ZipFile": good})
        self.refused("RequestTooLargeException", create, "expected at most 52428800",
                     code=good + b"\0" * (50 << 20))
        zeros = packed(*((f"zeros{i}", b"\0" * (64 << 20)) for i in range(5)), ("app.py", HANDLER))
        self.refused(INVALID, create, "--max-size", code=zeros)
        self.assertEqual(self.client.list_functions()["Functions"], [])
        self.assertEqual((self.revisions(), os.listdir(self.path("state", "functions"))), ([], []))

    def test_an_update_that_fails_leaves_the_function_as_it_was(self):
        made = self.create(packed(("app.py", HANDLER)))
        self.refused(INVALID, self.client.update_function_code, "app", FunctionName="greet",
                     ZipFile=packed(("other.py", HANDLER)))
        read = self.client.get_function_configuration(FunctionName="greet")
        self.assertEqual((read["RevisionId"], read["CodeSha256"], read["State"]),
                         (made["RevisionId"], made["CodeSha256"], "Active"))
        self.assertEqual(read["LastUpdateStatus"], "Failed")
        self.assertIn("app", read["LastUpdateStatusReason"])
        self.client.update_function_configuration(FunctionName="greet", Timeout=5)
        self.client.get_waiter("function_updated_v2").wait(FunctionName="greet")

    def test_a_function_is_pending_until_its_image_is_made(self):
        self.server.end()
        self.client = lambda_client(self.start_with(self.slow_command(), archives={"patience_s": 0}))
        made = self.create(packed(("app.py", HANDLER)))
        self.assertEqual((made["State"], made["StateReasonCode"]), ("Pending", "Creating"))
        for call in (self.client.invoke, self.client.publish_version):
            self.refused("ResourceConflictException", call, "state: Pending", FunctionName="greet")
        self.go()
        waiter = {"Delay": 1}
        self.client.get_waiter("function_active_v2").wait(FunctionName="greet", WaiterConfig=waiter)
        os.remove(self.path("go"))
        changed = self.client.update_function_code(FunctionName="greet",
                                                   ZipFile=packed(("app.py", HANDLER * 2)))
        self.assertEqual((changed["State"], changed["LastUpdateStatus"]), ("Active", "InProgress"))
        self.assertEqual(changed["CodeSha256"], made["CodeSha256"])
        self.refused("ResourceConflictException", self.client.update_function_configuration,
                     "in progress", FunctionName="greet", Timeout=5)
        # The code that it has serves on.
        self.assertEqual(self.client.invoke(FunctionName="greet", InvocationType="DryRun")
                         ["StatusCode"], 204)
        self.go()
        self.client.get_waiter("function_updated_v2").wait(FunctionName="greet", WaiterConfig=waiter)
        self.assertNotEqual(self.client.get_function_configuration(FunctionName="greet")
                            ["CodeSha256"], made["CodeSha256"])

    def test_a_function_whose_image_fails_later_says_so(self):
        self.server.end()
        self.client = lambda_client(self.start_with(self.slow_command(), archives={"patience_s": 0}))
        self.create(packed(("other.py", HANDLER)))
        self.go()
        with self.assertRaises(WaiterError):
            self.client.get_waiter("function_active_v2").wait(
                FunctionName="greet", WaiterConfig={"Delay": 1})
        read = self.client.get_function_configuration(FunctionName="greet")
        self.assertEqual((read["State"], read["StateReasonCode"]),
                         ("Failed", "InvalidZipFileException"))
        self.assertIn("app", read["StateReason"])
        # New code mends it.
        self.client.update_function_code(FunctionName="greet", ZipFile=packed(("app.py", HANDLER)))
        self.client.get_waiter("function_active_v2").wait(FunctionName="greet",
                                                          WaiterConfig={"Delay": 1})

    def test_a_command_that_hangs_is_ended(self):
        self.server.end()
        self.client = lambda_client(self.start_with(self.slow_command(), archives={"timeout_s": 1}))
        self.refused(INVALID, self.create, "not made within 1 s", code=packed(("app.py", HANDLER)))

    def test_a_killed_platform_makes_the_images_that_it_owes(self):
        self.server.end()
        server = self.start_with(self.slow_command(), archives={"patience_s": 0})
        self.client = lambda_client(server)
        self.create(packed(("app.py", HANDLER)))
        server.end(signal.SIGKILL)
        self.client = lambda_client(self.start_with())
        self.client.get_waiter("function_active_v2").wait(FunctionName="greet",
                                                          WaiterConfig={"Delay": 1})
