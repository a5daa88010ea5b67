# SPDX-License-Identifier: Apache-2.0
"""Pages that invocations missed come into a snapshot's sets, without an invocation."""

import json
import os
import subprocess
import unittest

from cli_case import CliCase


class Refresh(CliCase):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path("notes"))
        subprocess.run([os.environ["MAKE_SNAPSHOT"], self.path("bare"), self.path("s"),
                        self.path("notes")], check=True, timeout=60)

    def pages_of_stream(self, directory):
        plan = json.loads(self.works("inspect", directory, "--json", "--plan", "stream"))
        return {page for read in plan["reads"]
                for page in range(read["first_page"], read["first_page"] + read["pages"])}

    def test_missed_pages_are_loaded_afterwards(self):
        before = self.pages_of_stream("s")
        self.assertEqual(self.works("snapshot", "refresh", "s", "t", "--misses", "notes"),
                         self.path("t") + ": 2 pages of 2 notes added to 3\n")
        # With a page between two that are loaded.
        self.assertEqual(self.pages_of_stream("t") - before, {12, 13, 14})
        self.works("verify", "t")
        old, new = (json.loads(self.works("inspect", name, "--json")) for name in ("s", "t"))
        self.assertEqual((new["id"], new["labels"], new["loading_set_pages"]),
                         (old["id"], old["labels"], old["loading_set_pages"]))

    def test_rare_misses_are_left_out(self):
        done = json.loads(self.works("snapshot", "refresh", "s", "t", "--misses", "notes",
                                     "--at-least", "2", "--json"))
        self.assertEqual((done["notes"], done["notes_of_others"], done["added_pages"]), (2, 1, 1))
        self.assertEqual(self.pages_of_stream("t") - self.pages_of_stream("s"), {12})

    def test_a_refreshed_snapshot_can_be_refreshed_by_the_same_notes(self):
        self.works("snapshot", "refresh", "s", "t", "--misses", "notes")
        self.assertEqual(self.works("snapshot", "refresh", "t", "u", "--misses", "notes"),
                         self.path("u") + ": 0 pages of 2 notes added to 5\n")

    def test_what_cannot_be_refreshed_is_said(self):
        self.refused(1, "snapshot", "refresh", "s", "t", "--misses", "nowhere", says="nowhere")
        self.refused(1, "snapshot", "refresh", "bare", "t", "--misses", "notes",
                     says=("bare", "userfaultfd"))
        self.refused(1, "snapshot", "refresh", "s", "bare", "--misses", "notes",
                     says=(self.path("bare"), "exists"))
        self.refused(2, "snapshot", "refresh", "s", "t", says="--misses")
        self.refused(2, "snapshot", "refresh", "s", "t", "--misses", "notes", "--at-least", "0",
                     says="--at-least")
        for name in "1.misses", "2.misses":
            os.remove(self.path("notes", name))
        self.refused(1, "snapshot", "refresh", "s", "t", "--misses", "notes",
                     says=("notes", "1 of others"))
        with open(self.path("notes", "3.misses"), "r+b") as note:
            note.truncate(20)
        self.refused(1, "snapshot", "refresh", "s", "t", "--misses", "notes", says="3.misses")
        self.assertFalse(os.path.exists(self.path("t")))

    def test_misses_are_noted_by_stream_alone(self):
        self.refused(2, "invoke", "s", "--note-misses", "n", says=("--note-misses", "stream"))
        self.refused(2, "invoke", "s", "--setting", "lazy", "--note-misses", "n",
                     says=("--note-misses", "'lazy'"))
        self.assertFalse(os.path.exists(self.path("n")))


if __name__ == "__main__":
    unittest.main()
