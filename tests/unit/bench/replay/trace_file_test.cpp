// SPDX-License-Identifier: Apache-2.0

#include "replay/trace/trace_file.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

#include "bench/replay/small_trace.h"
#include "replay/trace/synthetic.h"

namespace faasnap::bench::test {
namespace {

void check_same(const Trace& a, const Trace& b) {
  CHECK(a.function == b.function);
  CHECK(a.input == b.input);
  CHECK(a.memory == b.memory);
  CHECK(a.nonzero == b.nonzero);
  CHECK(a.accesses == b.accesses);
  CHECK(a.dilation == b.dilation);
  CHECK(a.overhead == b.overhead);
}

}  // namespace

TEST_CASE("a trace is printed as its description says", "[trace_file]") {
  CHECK(print_trace(small_trace()) ==
        "faasnap-trace 1\n"
        "function json\n"
        "input {\"input\": \"json-13k\"}\n"
        "pages 16\n"
        "dilation 10\n"
        "overhead-ns 5000\n"
        "tick-ns 1000\n"
        "nonzero 2\n"
        "2+3 4+1\n"
        "accesses 6\n"
        "+3 r 10 0\n"
        "+4 w 15\n"
        "-10 w 50 5\n"
        "+0 r 0\n"
        "end\n");
}

TEST_CASE("a printed trace is read back as it was", "[trace_file]") {
  check_same(parse_trace(print_trace(small_trace()), "small"), small_trace());
}

TEST_CASE("the synthetic trace is read back as it was", "[trace_file]") {
  const Trace trace = make_synthetic_trace();
  check_same(parse_trace(print_trace(trace), "synthetic"), trace);
}

TEST_CASE("a trace of nothing is read back as it was", "[trace_file]") {
  Trace trace = small_trace();
  trace.nonzero.clear();
  trace.accesses.clear();
  check_same(parse_trace(print_trace(trace), "empty"), trace);
}

TEST_CASE("gaps are kept with two digits, and what is rounded off is carried over",
          "[trace_file]") {
  Trace trace = small_trace();
  std::int64_t ns = 0;
  for (PageAccess& access : trace.accesses) {
    ns += 123'456'789;
    access.time = Nanoseconds(ns);
  }
  const Trace read = parse_trace(print_trace(trace), "small");

  for (std::size_t i = 0; i < read.accesses.size(); ++i) {
    const auto off = read.accesses[i].time - trace.accesses[i].time;
    CHECK(std::max(off, -off) <= std::chrono::milliseconds(5));
  }
}

TEST_CASE("equal gaps are counted and unequal ones listed", "[trace_file]") {
  const std::string text =
      "faasnap-trace 1\nfunction f\ninput {}\npages 16\ndilation 1\noverhead-ns 0\ntick-ns 500\n"
      "nonzero 0\naccesses 5\n+5 w 7*3 0 2\nend\n";
  const Trace trace = parse_trace(text, "counted");

  REQUIRE(trace.accesses.size() == 5);
  CHECK(trace.accesses[2] == PageAccess{{7}, Nanoseconds(10'500), true, true});
  CHECK(trace.accesses[4] == PageAccess{{9}, Nanoseconds(11'500), true, true});
}

}  // namespace faasnap::bench::test
