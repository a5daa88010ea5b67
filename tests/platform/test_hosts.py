# SPDX-License-Identifier: Apache-2.0
"""Three hosts of one platform, network namespaces with Debian's Redis and HAProxy: what one changes
the others serve, and what happens when a host or the store goes away. No VM runs."""

import base64
import glob
import http.client
import itertools
import json
import os
import signal
import socket
import threading
import time
import unittest

import three_hosts
from platform_case import FAASNAP, PlatformCase, metrics_of, packed
from three_hosts import FUNCTIONS, request, wait_for


def archive(answer):
    handler = f"def handler(event, context):\n    return {answer}\n"
    return base64.b64encode(packed(("app.py", handler))).decode()


@unittest.skipIf(three_hosts.lack(), three_hosts.lack())
class HostsTest(PlatformCase):
    def setUp(self):
        super().setUp()
        for image in ("one", "two"):
            self.make_image(image)
        self.hosts = None

    def start_hosts(self, running=(1, 2, 3), proxy=True, **settings):
        self.hosts = three_hosts.script.Hosts(self.dir, settings=settings,
                                              options=["--without-kvm"])
        self.addCleanup(self.hosts.close)
        self.hosts.start_redis()
        for number in running:
            self.hosts.start_host(number)
        if proxy:
            self.hosts.start_proxy()

    def ask(self, machine, method, path, body=None):
        return request(self.hosts.address(machine), method, FUNCTIONS + path, body)

    def create(self, machine, name, image="one"):
        return self.ask(machine, "POST", "", {"FunctionName": name, "Code": {"ImageUri": image}})[0]

    def names(self, machine):
        functions = json.loads(self.ask(machine, "GET", "?MaxItems=10000")[2])["Functions"]
        return [function["FunctionName"] for function in functions]

    def image(self, machine, name):
        status, _, body = self.ask(machine, "GET", f"/{name}")
        return json.loads(body)["Code"]["ImageUri"] if status == 200 else status

    def log_of(self, machine):
        with open(self.path(f"{machine}.log"), encoding="utf-8") as file:
            return file.read()

    def test_what_one_host_changes_the_others_serve_at_once(self):
        self.start_hosts(proxy=False)
        self.assertEqual(self.create(1, "f"), 201)
        self.assertEqual([self.image(n, "f") for n in (1, 2, 3)], ["one"] * 3)
        for turn in range(60):
            changer, image = 1 + turn % 3, ("two", "one")[turn % 2]
            status = self.ask(changer, "PUT", "/f/code", {"ImageUri": image})[0]
            self.assertEqual((status, [self.image(n, "f") for n in (1, 2, 3)]), (200, [image] * 3))
        self.assertEqual(self.create(2, "f"), 409)
        self.ask(2, "POST", "/f/versions", {})
        self.ask(3, "POST", "/f/aliases", {"Name": "live", "FunctionVersion": "1"})
        self.assertEqual(self.ask(1, "GET", "/f/aliases/live")[0], 200)
        self.assertEqual(self.ask(3, "DELETE", "/f")[0], 204)
        self.assertEqual([self.names(n) for n in (1, 2, 3)], [[]] * 3)
        self.assertEqual(self.create(2, "f", "two"), 201)
        self.assertEqual([self.image(n, "f") for n in (1, 2, 3)], ["two"] * 3)

    def test_changes_of_one_function_on_three_hosts_at_a_time_are_made_one_after_the_other(self):
        self.start_hosts(proxy=False)
        self.create(1, "f")
        statuses = []

        def publish(machine):
            for turn in range(20):
                change = {"Description": f"{machine} {turn}"}
                statuses.append(self.ask(machine, "PUT", "/f/configuration", change)[0])
                statuses.append(self.ask(machine, "POST", "/f/aliases", {
                    "Name": f"a{machine}-{turn}", "FunctionVersion": "$LATEST"})[0])

        threads = [threading.Thread(target=publish, args=(n,)) for n in (1, 2, 3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertLessEqual(set(statuses), {200, 201, 409})
        aliases = [json.loads(self.ask(n, "GET", "/f/aliases?MaxItems=1000")[2])["Aliases"]
                   for n in (1, 2, 3)]
        # None that was accepted is overwritten by another host's change.
        self.assertEqual(len(aliases[0]), statuses.count(201))
        self.assertEqual(aliases[0], aliases[1])
        self.assertEqual(aliases[0], aliases[2])

    def store_metrics(self, machine):
        values = metrics_of(request(self.hosts.address(machine), "GET", "/metrics")[2])
        return [values[name] for name in ("store_lost", "store_losses_total")]

    def test_while_the_store_is_lost_hosts_serve_what_they_have_and_refuse_changes(self):
        self.start_hosts(proxy=False)
        self.create(1, "f")
        self.assertEqual([self.names(n) for n in (2, 3)], [["f"]] * 2)
        self.assertEqual(self.store_metrics(2), [0, 0])
        for number, loss in enumerate((signal.SIGKILL, signal.SIGSTOP), start=1):
            if loss == signal.SIGKILL:
                self.hosts.end("redis", loss)
            else:
                self.hosts.processes["redis"].send_signal(loss)
            status, headers, body = self.ask(1, "PUT", "/f/code", {"ImageUri": "two"})
            self.assertEqual((status, headers["x-amzn-ErrorType"]),
                             (503, "ServiceUnavailableException"))
            self.assertIn("the hosts' store at", json.loads(body)["message"])
            self.assertEqual(self.create(2, "g"), 503)
            self.assertEqual(self.store_metrics(2), [1, number])
            self.assertEqual(self.ask(3, "DELETE", "/f")[0], 503)
            begun = time.monotonic()
            self.assertEqual([self.image(n, "f") for n in (1, 2, 3) * 20], ["one"] * 60)
            # No request waits for a store that does not answer.
            self.assertLess(time.monotonic() - begun, 10)
            # A host that starts meanwhile has its copy.
            self.hosts.end(3)
            self.hosts.start_host(3)
            self.assertEqual(self.image(3, "f"), "one")
            if loss == signal.SIGKILL:
                self.hosts.start_redis()
            else:
                self.hosts.processes["redis"].send_signal(signal.SIGCONT)
            wait_for("changes are taken again", lambda: self.create(2, "g") == 201)
            self.assertEqual([self.names(n) for n in (1, 2)], [["f", "g"]] * 2)
            self.assertEqual(self.store_metrics(2), [0, number])
            wait_for("on each host", lambda: self.names(3) == ["f", "g"])
            self.assertEqual(self.ask(3, "DELETE", "/g")[0], 204)
        self.assertIn("is back", self.log_of(2))

    def test_a_store_that_has_lost_everything_is_filled_by_the_hosts(self):
        self.start_hosts(proxy=False)
        for number in range(10):
            self.create(1, f"f{number}")
        self.ask(2, "PUT", "/f3/code", {"ImageUri": "two"})
        wanted = self.names(3)
        self.hosts.end("redis", signal.SIGKILL)
        for file in glob.glob(self.path("redis", "appendonlydir", "*")):
            os.remove(file)
        self.hosts.start_redis()
        wait_for("the store is filled", lambda: self.create(1, "more") == 201)
        wait_for("all are there", lambda: self.names(2) == sorted([*wanted, "more"]))
        wait_for("on each host", lambda: self.names(3) == sorted([*wanted, "more"]))
        self.assertEqual([self.image(n, "f3") for n in (1, 2, 3)], ["two"] * 3)

    def test_a_host_on_its_own_brings_its_functions_when_it_joins(self):
        alone = self.start(state=self.path("host-1"))
        alone.json("POST", FUNCTIONS, '{"FunctionName": "old", "Code": {"ImageUri": "one"}}')
        alone.end()
        self.start_hosts(proxy=False)
        self.assertEqual([self.names(n) for n in (1, 2, 3)], [["old"]] * 3)

    @unittest.skipUnless(FAASNAP, "the command is not built")
    def test_a_host_that_joins_brings_the_archives_too(self):
        base = self.make_base()
        alone = self.start(state=self.path("host-1"), base_image=base, faasnap=FAASNAP)
        alone.json("POST", FUNCTIONS, json.dumps({
            "FunctionName": "z", "Runtime": "python3.11", "Handler": "app.handler",
            "Code": {"ZipFile": archive(1)}}))
        alone.end()
        self.start_hosts(running=(1, 2), proxy=False, base_image=base, faasnap=FAASNAP)
        self.assertEqual(self.names(2), ["z"])
        self.assertEqual(len(glob.glob(self.path("shared", "functions", "z", "*.zip"))), 1)
        # What the other host has is enough to make the function's next image.
        self.hosts.end(1)
        change = {"Environment": {"Variables": {"LEVEL": "info"}}}
        status, _, body = self.ask(2, "PUT", "/z/configuration", change)
        self.assertEqual((status, json.loads(body).get("LastUpdateStatus")), (200, "Successful"))

    @unittest.skipUnless(FAASNAP, "the command is not built")
    def test_an_image_that_is_made_while_the_store_is_lost_counts_when_it_is_back(self):
        slow = self.slow_command(f'"{FAASNAP}" "$@" && touch made')
        self.start_hosts(running=(1,), proxy=False, base_image=self.make_base(), faasnap=slow,
                         archives={"patience_s": 0})
        self.ask(1, "POST", "", {"FunctionName": "z", "Runtime": "python3.11",
                                 "Handler": "app.handler", "Code": {"ZipFile": archive(1)}})
        self.hosts.end("redis", signal.SIGKILL)
        self.ask(1, "GET", "/z")
        self.go()
        wait_for("the image is made", lambda: os.path.exists(self.path("made")))
        time.sleep(0.5)
        state = json.loads(self.ask(1, "GET", "/z/configuration")[2])["State"]
        self.assertEqual(state, "Pending")
        self.hosts.start_redis()
        wait_for("the function is active", lambda: json.loads(
            self.ask(1, "GET", "/z/configuration")[2])["State"] == "Active")

    def test_damaged_records_of_the_store_are_left_out(self):
        self.start_hosts(running=(1,), proxy=False)
        self.create(1, "f")
        for name, record in (("broken", "{"), ("../../up", "{}"), ("empty", '{"format": 2}')):
            self.redis("HSET", "faasnap:platform:functions", name, record)
            self.redis("ZADD", "faasnap:platform:changed",
                       self.redis("INCR", "faasnap:platform:number"), name)
        self.assertEqual(self.names(1), ["f"])
        self.hosts.start_host(2)
        self.assertEqual(self.names(2), ["f"])
        self.assertIn("broken: not taken over", self.log_of(2))
        self.assertEqual(self.create(2, "g"), 201)

    def redis(self, *words):
        """One command in the server's own protocol; returns its reply's first line."""
        with socket.create_connection((self.hosts.address("redis"), 6379), timeout=60) as link:
            parts = [f"*{len(words)}\r\n"] + [f"${len(word)}\r\n{word}\r\n" for word in words]
            link.sendall("".join(parts).encode())
            return link.makefile().readline().strip().lstrip(":+")

    @unittest.skipUnless(FAASNAP, "the command is not built")
    def test_archives_are_shared_and_their_images_settled_by_one_host(self):
        self.start_hosts(proxy=False, base_image=self.make_base(), faasnap=FAASNAP)
        function = {"FunctionName": "z", "Runtime": "python3.11", "Handler": "app.handler",
                    "Code": {"ZipFile": archive(1)}}
        status, _, body = self.ask(1, "POST", "", function)
        self.assertEqual((status, json.loads(body).get("State")), (201, "Active"), body)
        states = [json.loads(self.ask(n, "GET", "/z")[2]) for n in (1, 2, 3)]
        self.assertEqual([each["Configuration"]["State"] for each in states], ["Active"] * 3)
        self.assertEqual(len({each["Code"]["Location"] for each in states}), 1)
        self.assertEqual(self.ask(2, "PUT", "/z/code", {"ZipFile": archive(2)})[0], 200)
        sums = {json.loads(self.ask(n, "GET", "/z/configuration")[2])["CodeSha256"]
                for n in (1, 2, 3)}
        self.assertEqual(len(sums), 1)
        # The first archive went with the version that was made of it.
        self.assertEqual(len(glob.glob(self.path("shared", "functions", "z", "*"))), 1)
        self.ask(3, "DELETE", "/z")
        self.assertEqual(glob.glob(self.path("shared", "functions", "z", "*")), [])

    @unittest.skipUnless(FAASNAP, "the command is not built")
    def test_an_image_whose_host_is_killed_is_made_by_another(self):
        base = self.make_base()
        stuck = self.path("stuck")
        with open(stuck, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\nexec sleep 60\n")
        os.chmod(stuck, 0o755)
        self.start_hosts(running=(), proxy=False, base_image=base, faasnap=FAASNAP,
                         archives={"timeout_s": 2, "patience_s": 0})
        self.hosts.settings["faasnap"] = stuck
        self.hosts.start_host(1)
        self.hosts.settings["faasnap"] = FAASNAP
        self.hosts.start_host(2)
        status, _, body = self.ask(1, "POST", "", {
            "FunctionName": "z", "Runtime": "python3.11", "Handler": "app.handler",
            "Code": {"ZipFile": archive(1)}})
        self.assertEqual((status, json.loads(body)["State"]), (201, "Pending"))
        self.hosts.end(1, signal.SIGKILL)
        wait_for("another host makes it", lambda: json.loads(
            self.ask(2, "GET", "/z/configuration")[2])["State"] == "Active")

    def test_under_load_a_host_goes_the_store_goes_and_a_host_comes(self):
        self.start_hosts(running=(1, 2))
        for number in range(6):
            self.create("proxy", f"f{number}")
        stop = threading.Event()
        reads, accepted, refused = [], [], []

        def read():
            for turn in itertools.count():
                if stop.wait(0.01):
                    return
                try:
                    reads.append(self.ask("proxy", "GET", f"/f{turn % 6}")[0])
                except (OSError, http.client.HTTPException) as error:
                    reads.append(error)

        def change():
            for turn in itertools.count():
                if stop.wait(0.02):
                    return
                try:
                    status = self.create("proxy", f"new{turn}")
                except (OSError, http.client.HTTPException) as error:
                    status = error
                (accepted if status == 201 else refused).append((f"new{turn}", status))

        threads = [threading.Thread(target=each) for each in (read, read, change)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        # It is taken away: what it has begun is answered, and what comes then goes elsewhere.
        self.assertEqual(self.hosts.end(1), 0)
        time.sleep(3)
        self.hosts.start_host(3)
        time.sleep(3)
        self.assertEqual(set(reads), {200})
        self.assertEqual(refused, [])
        self.hosts.end("redis", signal.SIGKILL)
        time.sleep(2)
        self.hosts.start_redis()
        time.sleep(3)
        self.assertEqual(set(reads), {200})
        self.assertEqual({status for _, status in refused}, {503})
        # It dies: what it was about to answer fails, what comes then goes elsewhere.
        self.hosts.end(2, signal.SIGKILL)
        time.sleep(4)
        late = len(reads)
        time.sleep(1)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertGreater(len(reads), late + 20)
        self.assertEqual(set(reads[late:]), {200})
        self.assertGreater(len(accepted), 100)
        self.hosts.start_host(1)
        for machine in (1, 3):
            self.assertLessEqual({name for name, _ in accepted}, set(self.names(machine)))

    def test_a_functions_requests_go_to_one_host_by_whatever_name(self):
        self.start_hosts()
        arn = "arn:aws:lambda:us-east-1:000000000000:function:"
        served = set()
        for name in ("f", "g", "h", "i", "j", "k"):
            self.create("proxy", name)
            self.ask("proxy", "POST", f"/{name}/versions", {})
            before = self.invocations()
            for path in (f"/{name}", f"/{name}:1", f"/{arn}{name}",
                         f"/{arn}{name}".replace(":", "%3A")):
                self.ask("proxy", "POST", path + "/invocations", {})
            grown = [after - count for after, count in zip(self.invocations(), before)]
            self.assertEqual(sorted(grown), [0, 0, 4], name)
            served.add(grown.index(4))
        self.assertGreater(len(served), 1)

    def invocations(self):
        """How many each host has seen; without KVM they fail, but are counted."""
        return [len(json.loads(request(self.hosts.address(n), "GET", "/ui/data")[2])["invocations"])
                for n in (1, 2, 3)]
