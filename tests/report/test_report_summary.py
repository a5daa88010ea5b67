# SPDX-License-Identifier: Apache-2.0
"""What the report keeps in small files: their numbers and pictures, and that all of them are there."""

import json
import os
import unittest
import xml.etree.ElementTree

from report_case import CONDITIONS, EVIL, Page, ReportCase, invocation


class Summary(ReportCase):
    SVG = "{http://www.w3.org/2000/svg}"

    def summary(self, *arguments):
        done = self.run_cli(*arguments, "--summary", "out")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        return sorted(os.listdir(self.path("out")))

    def read(self, name):
        with open(self.path("out", name), encoding="utf-8") as file:
            return file.read()

    def document(self, name):
        return json.loads(self.read(name))

    def picture(self, name):
        """The texts of a picture, which must be XML and ask for nothing from elsewhere."""
        root = xml.etree.ElementTree.fromstring(self.read(name))
        self.assertEqual(root.tag, self.SVG + "svg")
        for one in root.iter():
            self.assertNotIn(one.tag, (self.SVG + "script", self.SVG + "image"))
            self.assertFalse([key for key in one.attrib if "href" in key or key.startswith("on")])
        styles = "".join(style.text for style in root.iter(self.SVG + "style"))
        self.assertIn("prefers-color-scheme:dark", styles)
        self.assertNotIn("url(", styles)
        return [text.text for text in root.iter(self.SVG + "text")]

    def test_numbers_of_a_small_experiment(self):
        self.results(
            "e1.jsonl", CONDITIONS,
            *(invocation("json", "cached", total, repeat=i)
              for i, total in enumerate((10_000_000, 30_000_000, 20_000_000))),
            invocation("json", "lazy", 80_000_000, prefetched_pages=123_456, pss_bytes=None),
            invocation("image", "cached", 100_000_000), invocation("image", "lazy", 900_000_000),
            {"experiment": "e1", "function": "json", "setting": "reap", "prepared": True,
             "failed": True, "repeat": 0, "error": "no"},
            {"experiment": "e1", "function": "json", "setting": "reap", "prepared": True,
             "failed": True, "repeat": 1, "error": "no"})
        self.assertEqual(self.summary("e1.jsonl"), ["e1-means.svg", "e1.json", "e1.svg"])
        document = self.document("e1.json")
        self.assertEqual(document["experiment"], "e1")
        self.assertEqual(document["conditions"], [CONDITIONS["conditions"]])
        self.assertEqual(document["baseline"], "cached")
        self.assertEqual(document["means"], [
            {"setting": "lazy", "ratio": 6, "ratio_least": 4, "ratio_most": 9, "count": 2},
            {"setting": "cached", "ratio": 1, "ratio_least": 1, "ratio_most": 1, "count": 2}])
        self.assertEqual(document["rows"][:2], [
            {"function": "json", "setting": "lazy", "count": 1, "total_ns": 80_000_000,
             "total_least_ns": 80_000_000, "total_most_ns": 80_000_000, "setup_ns": 20_000_000,
             "invoke_ns": 60_000_000, "ratio": 4, "vcpu_major_faults": 12,
             "vcpu_minor_faults": 345, "uffd_faults": 6, "prefetched_bytes": 1_049_000,
             "prefetched_pages": 123_500, "rss_bytes": 3_146_000},
            {"function": "json", "setting": "cached", "count": 3, "total_ns": 20_000_000,
             "total_least_ns": 10_000_000, "total_most_ns": 30_000_000, "setup_ns": 5_000_000,
             "invoke_ns": 15_000_000, "ratio": 1, "vcpu_major_faults": 12,
             "vcpu_minor_faults": 345, "uffd_faults": 6, "prefetched_bytes": 1_049_000,
             "rss_bytes": 3_146_000, "pss_bytes": 2_097_000}])
        self.assertEqual([row["function"] for row in document["rows"]],
                         ["json", "json", "image", "image"])
        self.assertEqual(document["failures"], [
            {"function": "json", "setting": "reap", "prepared": True, "count": 2}])
        lines = [line.rstrip(",") for line in self.read("e1.json").splitlines()]
        for row in document["rows"] + document["means"]:
            self.assertIn(json.dumps(row, separators=(",", ":")), lines)

    def test_pictures_stand_alone(self):
        self.results("e1.jsonl", {"conditions": {"accelerator": "kvm-in-lab"}}, *(
            invocation(function, setting, total, spans=[
                {"name": "map", "start_ns": 1_000_000, "duration_ns": 2_000_000}])
            for function in ("json", "image")
            for setting, total in (("lazy", 40_000_000), ("cached", 20_000_000))))
        self.assertEqual(self.summary("e1.jsonl"),
                         ["e1-means.svg", "e1-timeline.svg", "e1.json", "e1.svg"])
        texts = self.picture("e1.svg")
        for text in ("E1: changed input", "json", "image", "40.0 ms  ×2.00"):
            self.assertIn(text, texts)
        self.assertIn("dilated", " ".join(texts))
        self.assertIn("×2.00", self.picture("e1-means.svg"))
        # Of one function; the page has them all.
        self.assertEqual([t for t in self.picture("e1-timeline.svg") if "lazy" in t],
                         ["json, lazy"])

    def test_each_experiment_has_files_of_its_own(self):
        buckets = [[1000, 2000, 100]]
        self.results(
            "all.jsonl", invocation(experiment="e2", input_name="100K", input_size=100_001),
            invocation(experiment="e2", input_name="400K", input_size=400_000),
            *(invocation(experiment="e3", setting=setting, parallelism=parallelism, same=same,
                         instance=instance, burst_ns=5_000_000)
              for parallelism in (1, 2) for same in (True, False) for instance in range(parallelism)
              for setting in ("lazy", "stream")),
            invocation(experiment="page_faults", fault_buckets=buckets,
                       async_fault_buckets=buckets),
            invocation(experiment="footprint", cache_bytes=4 << 20, snapshot_bytes=5 << 20))
        self.assertEqual(self.summary("all.jsonl"), [
            "e2.json", "e2.svg", "e3-copies.svg", "e3-means.svg", "e3-memory.svg", "e3.json",
            "e3.svg", "footprint-cache.svg", "footprint-disk.svg", "footprint.json",
            "footprint.svg", "page_faults-counts.svg", "page_faults-waiting.svg",
            "page_faults.json", "page_faults.svg"])
        for name in os.listdir(self.path("out")):
            if name.endswith(".svg"):
                self.picture(name)
        self.assertEqual([row["input_size"] for row in self.document("e2.json")["rows"]],
                         [100_001, 400_000])
        bursts = self.document("e3.json")
        self.assertEqual([(row["parallelism"], row["same"], row["setting"], row["count"],
                           row["burst_ns"]) for row in bursts["rows"]],
                         [(parallelism, same, setting, parallelism, 5_000_000)
                          for parallelism in (1, 2) for same in (True, False)
                          for setting in ("lazy", "stream")])
        self.assertEqual(len(bursts["means"]), 8)
        self.assertEqual(self.document("footprint.json")["rows"][0]["cache_bytes"], 4_194_000)
        self.assertIn("json, a copy each", self.picture("e3-copies.svg"))

    def test_an_experiment_of_failures_alone(self):
        self.results("e4.jsonl", {"experiment": "e4", "function": "json", "setting": "lazy",
                                  "failed": True, "error": "no"})
        self.assertEqual(self.summary("e4.jsonl", "-o", "report.html"), ["e4.json"])
        document = self.document("e4.json")
        self.assertEqual((document["baseline"], document["rows"], len(document["failures"])),
                         (None, [], 1))
        with open(self.path("report.html"), encoding="utf-8") as file:
            self.assertIn("Every invocation failed.", Page(file.read()).texts)

    def test_text_from_results_is_never_markup(self):
        evil = EVIL + "\x01\ufffe"
        self.results("e1.jsonl", {"conditions": {evil: evil}},
                     *(invocation(evil, setting, disk=evil, spans=[
                         {"name": evil, "start_ns": 0, "duration_ns": 1, "tags": {evil: evil}}])
                       for setting in (evil, "lazy")))
        for name in self.summary("e1.jsonl"):
            if name.endswith(".svg"):
                self.picture(name)
        self.assertEqual({row["function"] for row in self.document("e1.json")["rows"]}, {evil})

    def test_numbers_far_apart_are_drawn(self):
        least, most = 5e-324, 1e18
        self.results(
            "x.jsonl",
            *(invocation(experiment="e2", setting=setting, total=total, setup_ns=0, invoke_ns=total,
                         input_name=name)
              for setting, totals in (("cached", (least, most)), ("lazy", (most, least)),
                                      ("reap", (0, 0)))
              for name, total in zip("ab", totals)),
            *(invocation(experiment="e3", parallelism=parallelism, same=False, pss_bytes=size)
              for parallelism, size in ((1, least), (2**64 - 1, 10 * least))),
            invocation(experiment="page_faults",
                       fault_buckets=[[0, 0, 0], [5, 1, most], [1, most, 1]]))
        for name in self.summary("x.jsonl", "-o", "report.html"):
            self.assertNotRegex(self.read(name), r"\b(nan|inf)\b")
            if name.endswith(".svg"):
                self.picture(name)

    def test_a_name_that_is_none_for_a_file(self):
        for name in ("../e1", "", "e 1", "a/b"):
            with self.subTest(name):
                self.results("x.jsonl", invocation(experiment=name))
                self.refused(1, "x.jsonl", "--summary", "out", "-o", "report.html",
                             says=f"experiment '{name}'")
        self.assertEqual(os.listdir(self.dir), ["x.jsonl"])

    def test_all_files_are_written_or_none(self):
        self.results("e1.jsonl", invocation())
        self.write("file")
        for directory in ("file", "none/out"):
            self.refused(1, "e1.jsonl", "--summary", directory, "-o", "report.html",
                         says=(directory, "cannot be written"))
        # In the place of the last of the files.
        os.makedirs(self.path("out", "e1.svg"))
        self.write("out/e1.json", "before")
        self.refused(1, "e1.jsonl", "--summary", "out", "-o", "report.html",
                     says="out/e1.svg: cannot be written: Is a directory")
        self.refused(1, "e1.jsonl", "--summary", "new", "-o", "/dev/full",
                     says="/dev/full")
        self.assertEqual(self.read("e1.json"), "before")
        self.assertEqual(sorted(os.listdir(self.path("out"))), ["e1.json", "e1.svg"])
        self.assertEqual(sorted(os.listdir(self.dir)), ["e1.jsonl", "file", "out"])

    def test_a_summary_takes_the_place_of_an_earlier_one(self):
        self.results("e1.jsonl", invocation(), invocation(setting="cached", total=40_000_000))
        self.summary("e1.jsonl")
        self.assertEqual(self.summary("e1.jsonl", "--baseline", "lazy"), ["e1.json", "e1.svg"])
        self.assertEqual(self.document("e1.json")["baseline"], "lazy")


if __name__ == "__main__":
    unittest.main()
