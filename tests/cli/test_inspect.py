# SPDX-License-Identifier: Apache-2.0
"""What `inspect` shows of a snapshot, and of the plans made for it."""

import json
import os
import subprocess

from cli_case import CliCase

SETTINGS = ("lazy", "cached", "concurrent", "per-region", "faasnap", "reap", "stream")


class Inspect(CliCase):
    def setUp(self):
        super().setUp()
        self.bare = self.path("bare")
        self.whole = self.path("whole")
        subprocess.run([os.environ["MAKE_SNAPSHOT"], self.bare, self.whole], check=True, timeout=60)

    def shown(self, *arguments):
        done = self.run_cli("inspect", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, "")
        return done.stdout

    def plan(self, setting, *options):
        return json.loads(self.shown(self.whole, "--plan", setting, *options, "--json"))

    def test_a_snapshot_with_recordings(self):
        shown = self.shown(self.whole)
        for line in ("machine       none: only an image of 0 MiB",
                     "label         function=none",
                     "working set   8 pages in 2 groups, recorded by mincore",
                     "touched set   3 pages in 1 groups, recorded by userfaultfd: 1 zero, 2 written",
                     "agreement     0.222 of the pages in either recording are in both",
                     "loading set   33 pages in 1 regions (merge gap 32, minimum 0)",
                     "REAP set      3 pages",
                     "stream set    2 pages with data, 1 of zeros"):
            self.assertRegex(shown, f"(?m)^{line.replace('(', '[(]').replace(')', '[)]')}$")

    def test_both_sizes_of_a_compressed_stream_set(self):
        packed = self.path("packed")
        os.mkdir(self.path("notes"))
        subprocess.run([os.environ["MAKE_SNAPSHOT"], self.path("bare2"), self.path("whole2"),
                        self.path("notes"), packed], check=True, timeout=60)
        self.assertIn("compressed    lz4, 8192 bytes of the stream set in 4096\n", self.shown(packed))
        self.assertNotIn("compressed", self.shown(self.whole))
        for snapshot, stored, name in ((self.whole, 8192, "none"), (packed, 4096, "lz4")):
            shown = json.loads(self.shown(snapshot, "--json"))
            self.assertEqual(shown["stream_set_compression"], name)
            self.assertEqual(shown["stream_set_bytes"], 8192)
            self.assertEqual(shown["stream_set_stored_bytes"], stored)
        self.assertNotIn("stream_set_bytes", json.loads(self.shown(self.bare, "--json")))
        plan = json.loads(self.shown(packed, "--plan", "stream", "--json"))
        self.assertEqual([(read["first_page"], read["file_offset"], read["block_offset"])
                          for read in plan["reads"]], [(9, 4096, 0), (40, 4096, 4096)])
        self.assertRegex(self.shown(packed, "--plan", "stream"), r"read +40 +1  \S+ +4096[+]4096\n")

    def test_a_snapshot_without_recordings(self):
        shown = self.shown(self.bare)
        self.assertIn("recordings    none\n", shown)
        for absent in ("working set", "touched set", "agreement", "stream set"):
            self.assertNotIn(absent, shown)

    def test_a_snapshot_as_json(self):
        shown = json.loads(self.shown(self.whole, "--json"))
        self.assertEqual(shown["nonzero_pages"], 9)
        self.assertEqual(shown["stream_set_zero_pages"], 1)
        self.assertEqual([recording["recorder"] for recording in shown["recordings"]],
                         ["mincore", "userfaultfd"])
        self.assertEqual(shown["recordings"][1]["last_touch_ns"], 9)
        self.assertAlmostEqual(shown["recordings_similarity"], 2 / 9)
        self.assertIsNone(json.loads(self.shown(self.bare, "--json"))["recordings_similarity"])

    def test_names_that_no_snapshot_has_are_told(self):
        self.assertNotIn("ignored", self.shown(self.bare))
        self.write("bare/.DS_Store", "x")
        self.assertIn("ignored       .DS_Store, which", self.shown(self.bare))
        self.assertEqual(json.loads(self.shown(self.bare, "--json"))["foreign_names"], [".DS_Store"])

    def test_leftovers_of_killed_processes_are_removed(self):
        os.mkdir(self.path("s.partial-0123abcd"))
        self.write("s.partial-0123abcd/memory", "x")
        os.mkdir(self.path("s.partial"))
        found = self.run_cli("snapshot", "prune", self.dir, "--dry-run", "--json").stdout
        self.assertEqual(json.loads(found)["path"], self.path("s.partial-0123abcd"))
        doctor = self.run_cli("doctor", "--directory", self.dir).stdout
        self.assertRegex(doctor, r"bad +leftovers .*s\.partial-0123abcd")
        self.assertIn(f"remedy: faasnap snapshot prune {self.dir}", doctor)
        self.assertEqual(self.run_cli("snapshot", "prune", self.dir).returncode, 0)
        self.assertFalse(os.path.exists(self.path("s.partial-0123abcd")))
        self.assertEqual(self.run_cli("snapshot", "prune", self.dir).stdout, "")
        for left in ("s.partial", "bare", "whole"):
            self.assertTrue(os.path.exists(self.path(left)))

    def test_the_plan_of_every_setting(self):
        for setting in SETTINGS:
            with self.subTest(setting):
                plan = self.plan(setting)
                self.assertEqual(plan["setting"], setting)
                handled = setting in ("reap", "stream")
                self.assertEqual(plan["fault_handler"], "userfaultfd" if handled else "kernel")
                self.assertEqual(plan["delivery"], "install" if handled else "page_cache")
                self.assertEqual(plan["load_before_start"], setting == "reap")
                shown = self.shown(self.whole, "--plan", setting)
                self.assertIn(f"setting {setting}: {len(plan['mappings'])} mappings, "
                              f"{len(plan['reads'])} reads", shown)
                rows = [line.split()[0] for line in shown.splitlines()[5:]]
                self.assertEqual(rows, ["map"] * len(plan["mappings"])
                                 + ["read"] * len(plan["reads"])
                                 + ["zero"] * len(plan["zero_pages"]))

    def test_what_stream_loads(self):
        plan = self.plan("stream")
        self.assertEqual([(read["first_page"], read["pages"]) for read in plan["reads"]],
                         [(9, 1), (40, 1)])
        self.assertEqual(plan["zero_pages"], [{"first_page": 20, "pages": 1}])
        self.assertEqual([run["pages"] for run in plan["nonzero"]], [8, 1])

    def test_what_a_prepared_faasnap_enters(self):
        plan = self.plan("faasnap", "--prepared")
        self.assertEqual([(entry["first_page"], entry["pages"]) for entry in plan["entries"]],
                         [(9, 1), (20, 1), (40, 1)])
        self.assertEqual(sum(entry["copied"] for entry in plan["entries"]), 2)
        self.assertEqual(plan["zero_pages"], [])  # the region brings it along
        shown = self.shown(self.whole, "--plan", "faasnap", "--prepared")
        rows = [line.split()[0] for line in shown.splitlines()[5:]]
        self.assertEqual(rows.count("copy"), 2)
        self.assertEqual(rows.count("enter"), 1)
        self.assertEqual(self.plan("faasnap")["entries"], [])
        self.refused(2, "inspect", self.whole, "--prepared", says=("--prepared", "--plan"))

    def test_a_plan_that_lacks_its_file(self):
        for setting, file in (("concurrent", "working-set"), ("per-region", "touched-set"),
                              ("faasnap", "loading-set"), ("reap", "reap-set"),
                              ("stream", "stream-set")):
            self.refused(1, "inspect", self.bare, "--plan", setting,
                         says=(f"'{setting}'", f"'{file}'", "faasnap record"))

    def test_a_snapshot_that_verifies(self):
        for snapshot in (self.bare, self.whole):
            done = self.run_cli("verify", snapshot)
            self.assertEqual(done.returncode, 0, done.stderr)
