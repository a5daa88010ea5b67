# SPDX-License-Identifier: Apache-2.0
"""Layers: a snapshot over another, shown, moved, made whole again and removed."""

import json
import os
import shutil
import subprocess
import unittest

from cli_case import CliCase


class Layers(CliCase):
    def setUp(self):
        super().setUp()
        # Two runs make two images with the same content.
        os.mkdir(self.path("snapshots"))
        for name in "base", "s":
            subprocess.run([os.environ["MAKE_SNAPSHOT"], self.path(f"snapshots/{name}"),
                            self.path(f"snapshots/{name}-recorded")], check=True, timeout=60)
        self.works("snapshot", "rebase", "snapshots/s-recorded", "snapshots/layer", "--base",
                   "snapshots/base")

    def test_inspect_shows_what_each_layer_has(self):
        shown = json.loads(self.works("inspect", "snapshots/layer", "--json"))
        self.assertEqual((shown["nonzero_pages"], shown["stored_pages"]), (9, 0))
        self.assertEqual([(layer["stored_pages"], layer["shown_pages"])
                          for layer in shown["layers"]], [(0, 0), (9, 9)])
        text = self.works("inspect", "snapshots/layer")
        self.assertIn("layer         0 pages of its own, 9 of its bases\n", text)
        self.assertIn("base 1        9 of its 9 pages; ", text)
        plan = json.loads(self.works("inspect", "snapshots/layer", "--json", "--plan",
                                     "per-region"))
        self.assertEqual([(mapping["backing"], mapping["layer"]) for mapping in plan["mappings"]],
                         [("anonymous", 0), ("memory_file", 1), ("memory_file", 1)])
        self.assertIn("  base 1 ", self.works("inspect", "snapshots/layer", "--plan", "lazy"))

    def test_a_layer_is_verified_with_its_base(self):
        self.works("verify", "snapshots/layer")
        with open(self.path("snapshots/base/memory"), "r+b") as memory:
            memory.seek(9 * 4096)
            memory.write(b"damage")
        self.refused(1, "verify", "snapshots/layer", says="snapshots/base/memory")

    def test_a_base_is_missed_and_found_elsewhere(self):
        os.mkdir(self.path("elsewhere"))
        shutil.move(self.path("snapshots/base"), self.path("elsewhere/moved"))
        shutil.rmtree(self.path("snapshots/base-recorded"))
        base = json.loads(self.works("inspect", "elsewhere/moved", "--json"))["id"]
        for command in (("inspect",), ("verify",), ("invoke",), ("snapshot", "upgrade")):
            with self.subTest(command):
                self.refused(1, *command, "snapshots/layer", says=(base, self.path("snapshots")))
        self.works("verify", "snapshots/layer", "--bases", "elsewhere")
        self.works("snapshot", "flatten", "snapshots/layer", "whole", "--bases", "elsewhere")
        self.works("verify", "whole")
        self.assertEqual(json.loads(self.works("inspect", "whole", "--json"))["stored_pages"], 9)

    def test_a_base_is_not_removed_while_a_layer_needs_it(self):
        self.refused(1, "snapshot", "rm", "snapshots/base",
                     says=("snapshots/layer", "flatten", "--force"))
        self.works("snapshot", "rm", "snapshots/layer")
        self.works("snapshot", "rm", "snapshots/base")
        self.assertFalse(os.path.exists(self.path("snapshots/base")))
        self.refused(1, "snapshot", "rm", "snapshots/base", says="snapshots/base")

    def test_a_base_is_removed_by_force(self):
        self.works("snapshot", "rm", "snapshots/base", "--force")

    def test_a_snapshot_is_no_base_of_itself(self):
        self.refused(1, "snapshot", "rebase", "snapshots/s", "t", "--base",
                     "snapshots/s-recorded", says="same image")


if __name__ == "__main__":
    unittest.main()
