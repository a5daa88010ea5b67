"""The report: what is on the page, and results files that are wrong."""

import html.parser
import json
import os
import unittest
import xml.etree.ElementTree

from cli_case import CliCase

CONDITIONS = {"conditions": {"cpu": "some cpu", "kernel": "6.12", "accelerator": "kvm"}}


def invocation(function="json", setting="lazy", total=20_000_000, **fields):
    return {"experiment": "e1", "function": function, "setting": setting, "repeat": 0,
            "setup_ns": total // 4, "invoke_ns": total - total // 4, "total_ns": total,
            "vcpu_major_faults": 12, "vcpu_minor_faults": 345, "uffd_faults": 6,
            "prefetched_bytes": 1 << 20, "rss_bytes": 3 << 20, "pss_bytes": 2 << 20,
            "accelerator": "kvm", **fields}


class Page(html.parser.HTMLParser):
    """A page's elements, with a check that each one that begins ends."""

    VOID = {"meta", "br"}

    def __init__(self, markup):
        super().__init__()
        self.elements = []
        self.texts = []
        self._open = []
        self.feed(markup)
        self.close()
        assert not self._open, f"unfinished elements {self._open}"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag, f"stray end of {tag}"

    def handle_data(self, data):
        self.texts.append(data)

    def count(self, tag, **attributes):
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        return sum(1 for name, has in self.elements
                   if name == tag and wanted.items() <= has.items())

    def tags(self):
        return {name for name, _ in self.elements}


class ReportCase(CliCase):
    def results(self, name, *lines, end=""):
        return self.write(name, "".join(json.dumps(line) + "\n" for line in lines) + end)

    def page(self, *arguments):
        done = self.run_cli("report", *arguments, "-o", "report.html")
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        self.stderr = done.stderr
        with open(self.path("report.html"), encoding="utf-8") as file:
            self.markup = file.read()
        return Page(self.markup)


class Pictures(ReportCase):
    def test_a_picture_for_each_function_with_a_bar_for_each_setting(self):
        self.results("e1.jsonl", CONDITIONS, *(
            invocation(function, setting, total)
            for function in ("json", "image")
            for setting, total in (("lazy", 40_000_000), ("cached", 20_000_000),
                                   ("stream", 10_000_000))))
        page = self.page("e1.jsonl")
        for function in ("json", "image"):
            self.assertGreaterEqual(page.count("svg", aria_label=function) or
                                    page.count("svg", **{"aria-label": function}), 1)
        # Set-up and invocation are a part each, in times and not in ratios.
        self.assertEqual(page.count("rect", class_="s-stream shade1"),
                         2 * 3)  # of times, faults, memory; two functions
        self.assertIn("10.0 ms  ×0.50", page.texts)
        self.assertIn("40.0 ms  ×2.00", page.texts)
        self.assertEqual(self.stderr, "")

    def test_ratios_over_functions_are_geometric_means(self):
        self.results("e1.jsonl", CONDITIONS,
                     invocation("json", "cached", 10_000_000), invocation("json", "lazy", 20_000_000),
                     invocation("image", "cached", 10_000_000),
                     invocation("image", "lazy", 80_000_000))
        self.assertIn("×4.00", self.page("e1.jsonl").texts)
        self.assertIn("×0.25", self.page("e1.jsonl", "--baseline", "lazy").texts)

    def test_medians_and_their_spread(self):
        self.results("e1.jsonl", *(invocation(total=total * 1_000_000, repeat=i)
                                   for i, total in enumerate((30, 10, 20))))
        page = self.page("e1.jsonl")
        self.assertIn("20.0 ms", page.texts)
        self.assertIn("10.0 ms – 30.0 ms", page.texts)

    def test_inputs_are_in_order_of_their_size(self):
        self.results("e2.jsonl", *(invocation(experiment="e2", input_name=name, input_size=size)
                                   for name, size in (("1.6M", 16), ("100K", 1), ("400K", 4))))
        page = self.page("e2.jsonl")
        places = [text for text in page.texts if text in ("1.6M", "100K", "400K")]
        self.assertEqual(places[:3], ["100K", "400K", "1.6M"])
        self.assertEqual(page.count("path", class_="line s-lazy"), 1)

    def test_bursts_of_shared_and_of_distinct_snapshots_have_pictures_of_their_own(self):
        self.results("e3.jsonl", *(
            invocation(experiment="e3", parallelism=parallelism, same=same, instance=instance)
            for parallelism in (1, 2) for same in (True, False) for instance in range(parallelism)))
        page = self.page("e3.jsonl")
        for name in ("json, one snapshot", "json, a copy each", "json, one snapshot: memory"):
            self.assertEqual(page.count("svg", **{"aria-label": name}), 1)
        self.assertIn("4.00 MiB", self.markup)  # of two

    def test_faults_by_their_time(self):
        self.results("f.jsonl", invocation(fault_buckets=[[1000, 2000, 100], [2000, 4000, 7]]))
        self.assertIn("lazy: 2 µs to 4 µs: 7 faults", self.page("f.jsonl").texts)

    def test_what_an_experiment_is_about_is_open(self):
        for experiment, opened in (("e1", 0), ("footprint", 1), ("page_faults", 2)):
            with self.subTest(experiment):
                self.results("o.jsonl", invocation(experiment=experiment,
                                                   fault_buckets=[[1000, 2000, 100]]))
                self.assertEqual(self.page("o.jsonl").count("details", open=""), opened)

    def test_loading_sets_of_other_merge_gaps_are_settings_of_their_own(self):
        self.results("g.jsonl", invocation(setting="faasnap"),
                     invocation(setting="faasnap", merge_gap=0),
                     invocation(setting="faasnap", merge_gap=32, prepared=True))
        page = self.page("g.jsonl")
        for label in ("faasnap", "faasnap gap 0", "faasnap gap 32 prepared"):
            self.assertIn(label, page.texts)

    def test_a_bar_of_memory_begins_with_the_proportional_share(self):
        self.results("m.jsonl", invocation(rss_bytes=4 << 20, pss_bytes=1 << 20))
        rects = [attributes for name, attributes in self.page("m.jsonl").elements if name == "rect"]
        share, rest = rects[-2:]
        self.assertEqual((share["class"], rest["class"]), ("s-lazy shade0", "s-lazy shade1"))
        self.assertLess(float(share["x"]), float(rest["x"]))
        self.assertAlmostEqual(3 * float(share["width"]), float(rest["width"]), delta=1)

    def test_the_timeline_of_an_invocation(self):
        self.results("t.jsonl", invocation(spans=[
            {"name": "map", "start_ns": 1_000_000, "duration_ns": 2_000_000, "tags": {}},
            {"name": "load", "start_ns": 2_000_000, "duration_ns": 1_000_000,
             "tags": {"group": "3"}},
            {"name": "first byte", "start_ns": 9_000_000, "duration_ns": 0}]))
        page = self.page("t.jsonl")
        for text in ("map: at 1.000 ms, 2.000 ms", "load: at 2.000 ms, 1.000 ms, group 3",
                     "first byte: at 9.000 ms"):
            self.assertIn(text, page.texts)

    def test_what_came_before_the_request_is_told_and_not_drawn(self):
        self.results("t.jsonl", invocation(spans=[
            {"name": "prepare", "start_ns": -5_000_000, "duration_ns": 4_000_000, "tags": {}},
            {"name": "start", "start_ns": 0, "duration_ns": 1_000_000, "tags": {}}]))
        page = self.page("t.jsonl")
        self.assertIn("4.00 ms, before the request", page.texts)
        self.assertEqual(page.count("rect", class_="s-lazy span"), 1)

    def test_without_spans_there_is_no_timeline(self):
        self.results("e1.jsonl", invocation())
        self.assertNotIn("Timelines", self.page("e1.jsonl").texts)

    def test_what_invoke_prints_is_a_result(self):
        line = invocation()
        del line["experiment"], line["repeat"]
        self.results("i.jsonl", line, line)
        page = self.page("i.jsonl")
        self.assertIn("Invocations", page.texts)
        self.assertIn("2 invocations in 1 experiment.", page.texts)


class Conditions(ReportCase):
    def test_they_are_on_the_page(self):
        self.results("e1.jsonl", CONDITIONS, invocation())
        page = self.page("e1.jsonl")
        self.assertIn("some cpu", page.texts)
        self.assertNotIn("dilated", self.markup)

    def test_times_of_an_emulated_processor_are_called_dilated(self):
        self.results("e1.jsonl", invocation(accelerator="kvm-in-lab"))
        self.page("e1.jsonl")
        self.assertIn("dilated", self.markup)

    def test_times_of_two_machines_are_told_apart(self):
        other = {"conditions": {"cpu": "another"}}
        self.results("a.jsonl", CONDITIONS, invocation())
        self.results("b.jsonl", other, invocation(repeat=1))
        self.page("a.jsonl", "b.jsonl")
        self.assertIn("several conditions", self.markup)


class Safety(ReportCase):
    EVIL = "</style><script>alert(1)</script><img src=x onerror=y>'\"&"

    def test_text_from_results_is_never_markup(self):
        self.results("e1.jsonl", {"conditions": {self.EVIL: self.EVIL}},
                     invocation(self.EVIL, self.EVIL, experiment=self.EVIL, disk=self.EVIL,
                                input_name=self.EVIL, spans=[
                                    {"name": self.EVIL, "start_ns": 0, "duration_ns": 1,
                                     "tags": {self.EVIL: self.EVIL}}]),
                     {"experiment": "e1", "function": self.EVIL, "setting": self.EVIL,
                      "failed": True, "error": self.EVIL})
        page = self.page("e1.jsonl")
        self.assertFalse(page.tags() & {"script", "img"})
        self.assertFalse([a for _, a in page.elements if any(n.startswith("on") for n in a)])
        self.assertIn(self.EVIL, page.texts)

    def test_the_page_asks_for_nothing_from_elsewhere(self):
        self.results("e1.jsonl", CONDITIONS, invocation())
        page = self.page("e1.jsonl")
        self.assertFalse(page.tags() & {"script", "link", "img", "iframe", "object"})
        for _, attributes in page.elements:
            self.assertNotIn("src", attributes)
            self.assertTrue(attributes.get("href", "#").startswith("#"))
        self.assertNotIn("url(", self.markup)
        self.assertNotIn("@import", self.markup)


class Summary(ReportCase):
    SVG = "{http://www.w3.org/2000/svg}"

    def summary(self, *arguments):
        done = self.run_cli("report", *arguments, "--summary", "out")
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
        evil = Safety.EVIL + "\x01\ufffe"
        self.results("e1.jsonl", {"conditions": {evil: evil}},
                     *(invocation(evil, setting, disk=evil, spans=[
                         {"name": evil, "start_ns": 0, "duration_ns": 1, "tags": {evil: evil}}])
                       for setting in (evil, "lazy")))
        for name in self.summary("e1.jsonl"):
            if name.endswith(".svg"):
                self.picture(name)
        self.assertEqual({row["function"] for row in self.document("e1.json")["rows"]}, {evil})

    def test_a_name_that_is_none_for_a_file(self):
        for name in ("../e1", "", "e 1", "a/b"):
            with self.subTest(name):
                self.results("x.jsonl", invocation(experiment=name))
                self.refused(1, "report", "x.jsonl", "--summary", "out", "-o", "report.html",
                             says=f"experiment '{name}'")
        self.assertEqual(os.listdir(self.dir), ["x.jsonl"])

    def test_all_files_are_written_or_none(self):
        self.results("e1.jsonl", invocation())
        self.write("file")
        for directory in ("file", "none/out"):
            self.refused(1, "report", "e1.jsonl", "--summary", directory, "-o", "report.html",
                         says=(directory, "cannot be written"))
        # In the place of the last of the files.
        os.makedirs(self.path("out", "e1.svg"))
        self.write("out/e1.json", "before")
        self.refused(1, "report", "e1.jsonl", "--summary", "out", "-o", "report.html",
                     says="out/e1.svg: cannot be written: Is a directory")
        self.refused(1, "report", "e1.jsonl", "--summary", "new", "-o", "/dev/full",
                     says="/dev/full")
        self.assertEqual(self.read("e1.json"), "before")
        self.assertEqual(sorted(os.listdir(self.path("out"))), ["e1.json", "e1.svg"])
        self.assertEqual(sorted(os.listdir(self.dir)), ["e1.jsonl", "file", "out"])

    def test_a_summary_takes_the_place_of_an_earlier_one(self):
        self.results("e1.jsonl", invocation(), invocation(setting="cached", total=40_000_000))
        self.summary("e1.jsonl")
        self.assertEqual(self.summary("e1.jsonl", "--baseline", "lazy"), ["e1.json", "e1.svg"])
        self.assertEqual(self.document("e1.json")["baseline"], "lazy")


class Failures(ReportCase):
    FAILED = {"experiment": "e1", "function": "json", "setting": "reap", "repeat": 0,
              "failed": True, "error": "the guest ended"}

    def test_a_failed_invocation_is_listed(self):
        self.results("e1.jsonl", invocation(), self.FAILED)
        page = self.page("e1.jsonl")
        self.assertIn("the guest ended", page.texts)
        self.assertIn("1 of 2 invocations failed.", page.texts)

    def test_one_that_was_measured_again_is_not(self):
        self.results("e1.jsonl", self.FAILED, invocation(setting="reap"))
        self.assertNotIn("Failures", self.page("e1.jsonl").texts)

    def test_a_measurement_stays_when_a_later_one_of_its_place_fails(self):
        self.results("e1.jsonl", invocation(setting="reap"), self.FAILED)
        page = self.page("e1.jsonl")
        self.assertNotIn("Failures", page.texts)
        self.assertIn("1 invocation in 1 experiment.", page.texts)


class WrongFiles(ReportCase):
    def test_a_last_line_that_was_cut_short_is_left_out_and_named(self):
        self.results("e1.jsonl", CONDITIONS, invocation(), end='{"experiment": "e1", "fun')
        self.page("e1.jsonl")
        self.assertEqual(self.stderr,
                         "faasnap: e1.jsonl:3: cut short; the 2 whole lines before it are used\n")
        self.assertIn("e1.jsonl:3: cut short", self.markup)

    def test_a_line_that_is_no_result_is_named(self):
        for line in ("not JSON", "[1]", "7", "{}", '{"total_ns": "soon"}', '{"total_ns": -1}',
                     '{"total_ns": 1e999}', '{"total_ns": 1, "function": 7}',
                     '{"total_ns": 1, "spans": [1]}', '{"total_ns": 1, "fault_buckets": [[1, 2]]}',
                     '{"conditions": 1}', "[" * 100_000):
            with self.subTest(line[:40]):
                self.write("e1.jsonl", json.dumps(invocation()) + "\n" + line + "\n")
                self.refused(1, "report", "e1.jsonl", "-o", "report.html",
                             says=("e1.jsonl:2: ", "not a result"))
        self.assertFalse(os.path.exists(self.path("report.html")))

    def test_nothing_to_report(self):
        self.refused(2, "report", "-o", "report.html", says="RESULTS is missing")
        self.write("empty.jsonl")
        self.refused(1, "report", "empty.jsonl", "-o", "report.html",
                     says=("empty.jsonl", "nothing to report"))
        self.results("only.jsonl", CONDITIONS)
        self.refused(1, "report", "only.jsonl", "-o", "report.html", says="nothing to report")

    def test_a_file_that_is_not_there(self):
        self.refused(1, "report", "none.jsonl", "-o", "report.html",
                     says="none.jsonl: No such file")
        self.refused(1, "report", self.dir, "-o", "report.html", says="directory")

    def test_the_page_has_nowhere_to_go(self):
        self.results("e1.jsonl", invocation())
        self.refused(2, "report", "e1.jsonl", says="--output or --summary is missing")
        self.refused(1, "report", "e1.jsonl", "-o", "none/report.html", says="none/report.html")
        self.refused(1, "report", "e1.jsonl", "-o", self.dir, says="cannot be written")
        self.refused(1, "report", "e1.jsonl", "-o", "/dev/full", says="/dev/full")

    def test_an_earlier_page_is_kept_when_the_new_one_cannot_be_made(self):
        self.write("report.html", "before")
        self.write("bad.jsonl", "?\n")
        self.refused(1, "report", "bad.jsonl", "-o", "report.html", says="bad.jsonl:1")
        with open(self.path("report.html"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "before")


if __name__ == "__main__":
    unittest.main()
