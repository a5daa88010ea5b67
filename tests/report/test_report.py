# SPDX-License-Identifier: Apache-2.0
"""The report: what is on the page, and results files that are wrong."""

import json
import os
import unittest

from report_case import CONDITIONS, EVIL, ReportCase, invocation


class Help(ReportCase):
    def test_help_has_an_example(self):
        done = self.run_cli("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("example:\n  bench_report ", done.stdout)

    def test_an_unknown_option(self):
        self.refused(2, "e1.jsonl", "--frobnicate", says="frobnicate")


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
            invocation(experiment="e3", parallelism=parallelism, same=same, instance=instance,
                       burst_ns=30_000_000 * parallelism)
            for parallelism in (1, 2) for same in (True, False) for instance in range(parallelism)))
        page = self.page("e3.jsonl")
        for name in ("json, one snapshot", "json, a copy each", "json, one snapshot: memory",
                     "json, a copy each: whole burst"):
            self.assertEqual(page.count("svg", **{"aria-label": name}), 1)
        self.assertIn("4.00 MiB", self.markup)  # of two
        self.assertIn("lazy, 2: 60.0 ms", page.texts)

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
    def test_text_from_results_is_never_markup(self):
        self.results("e1.jsonl", {"conditions": {EVIL: EVIL}},
                     invocation(EVIL, EVIL, experiment=EVIL, disk=EVIL,
                                input_name=EVIL, spans=[
                                    {"name": EVIL, "start_ns": 0, "duration_ns": 1,
                                     "tags": {EVIL: EVIL}}]),
                     {"experiment": "e1", "function": EVIL, "setting": EVIL,
                      "failed": True, "error": EVIL})
        page = self.page("e1.jsonl")
        self.assertFalse(page.tags() & {"script", "img"})
        self.assertFalse([a for _, a in page.elements if any(n.startswith("on") for n in a)])
        self.assertIn(EVIL, page.texts)

    def test_the_page_asks_for_nothing_from_elsewhere(self):
        self.results("e1.jsonl", CONDITIONS, invocation())
        page = self.page("e1.jsonl")
        self.assertFalse(page.tags() & {"script", "link", "img", "iframe", "object"})
        for _, attributes in page.elements:
            self.assertNotIn("src", attributes)
            self.assertTrue(attributes.get("href", "#").startswith("#"))
        self.assertNotIn("url(", self.markup)
        self.assertNotIn("@import", self.markup)


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
                         "bench_report: e1.jsonl:3: truncated; the 2 whole lines before it are used\n")
        self.assertIn("e1.jsonl:3: truncated", self.markup)

    def test_a_line_that_is_no_result_is_named(self):
        for line in ("not JSON", "[1]", "7", "{}", '{"total_ns": "soon"}', '{"total_ns": -1}',
                     '{"total_ns": 1e999}', '{"total_ns": 1e19}', '{"total_ns": 1, "function": 7}',
                     '{"total_ns": 1, "spans": [1]}', '{"total_ns": 1, "fault_buckets": [[1, 2]]}',
                     '{"conditions": 1}', "[" * 100_000):
            with self.subTest(line[:40]):
                self.write("e1.jsonl", json.dumps(invocation()) + "\n" + line + "\n")
                self.refused(1, "e1.jsonl", "-o", "report.html",
                             says=("e1.jsonl:2: ", "not a result"))
        self.assertFalse(os.path.exists(self.path("report.html")))

    def test_nothing_to_report(self):
        self.refused(2, "-o", "report.html", says="RESULTS is missing")
        self.write("empty.jsonl")
        self.refused(1, "empty.jsonl", "-o", "report.html",
                     says=("empty.jsonl", "nothing to report"))
        self.results("only.jsonl", CONDITIONS)
        self.refused(1, "only.jsonl", "-o", "report.html", says="nothing to report")

    def test_a_file_that_is_not_there(self):
        self.refused(1, "none.jsonl", "-o", "report.html",
                     says="none.jsonl: No such file")
        self.refused(1, self.dir, "-o", "report.html", says="directory")

    def test_the_page_has_nowhere_to_go(self):
        self.results("e1.jsonl", invocation())
        self.refused(2, "e1.jsonl", says="--output or --summary is missing")
        self.refused(1, "e1.jsonl", "-o", "none/report.html", says="none/report.html")
        self.refused(1, "e1.jsonl", "-o", self.dir, says="cannot be written")
        self.refused(1, "e1.jsonl", "-o", "/dev/full", says="/dev/full")

    def test_an_earlier_page_is_kept_when_the_new_one_cannot_be_made(self):
        self.write("report.html", "before")
        self.write("bad.jsonl", "?\n")
        self.refused(1, "bad.jsonl", "-o", "report.html", says="bad.jsonl:1")
        with open(self.path("report.html"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "before")


if __name__ == "__main__":
    unittest.main()
