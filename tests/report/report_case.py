# SPDX-License-Identifier: Apache-2.0
"""What the tests of the report share."""

import html.parser
import json
import os

from cli_case import CliCase

CONDITIONS = {"conditions": {"cpu": "some cpu", "kernel": "6.12", "accelerator": "kvm"}}

# What would do harm if it were taken for markup.
EVIL = "</style><script>alert(1)</script><img src=x onerror=y>'\"&"


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
    program = os.environ["BENCH_REPORT"]
    name = "bench_report"

    def results(self, name, *lines, end=""):
        return self.write(name, "".join(json.dumps(line) + "\n" for line in lines) + end)

    def page(self, *arguments):
        done = self.run_cli(*arguments, "-o", "report.html")
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        self.stderr = done.stderr
        with open(self.path("report.html"), encoding="utf-8") as file:
            self.markup = file.read()
        return Page(self.markup)
