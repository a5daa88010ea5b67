// SPDX-License-Identifier: Apache-2.0

#include "replay/trace/trace.h"

#include <catch2/catch_test_macros.hpp>

#include <string>

#include "bench/replay/small_trace.h"

namespace faasnap::bench::test {

TEST_CASE("a trace without fault has no defect", "[trace]") {
  CHECK(defect_of(small_trace()) == std::nullopt);
}

TEST_CASE("native gaps are without the recorder's part and undilated, and never negative",
          "[trace]") {
  CHECK(native_gaps(small_trace()) == std::vector{Nanoseconds(500), Nanoseconds(0),
                                                  Nanoseconds(1000), Nanoseconds(4500),
                                                  Nanoseconds(0), Nanoseconds(0)});
}

TEST_CASE("a page map has the pages of its ranges and no other", "[trace]") {
  const auto map = page_map(PageIndex{6}.offset(), std::vector<PageRange>{{{1}, 2}, {{5}, 1}});
  CHECK(map == std::vector<bool>{false, true, true, false, false, true});
}

TEST_CASE("a trace with a fault has a defect", "[trace]") {
  Trace trace = small_trace();

  SECTION("no memory") { trace.memory = {}; }
  SECTION("half a page of memory") { trace.memory += Bytes{kPageSize / 2}; }
  SECTION("more memory than a trace may have") {
    trace.memory = kMaximumTraceMemory + Bytes{kPageSize};
  }
  SECTION("no dilation") { trace.dilation = 0; }
  SECTION("a dilation that is no number") { trace.dilation = std::stod("nan"); }
  SECTION("a negative overhead") { trace.overhead = Nanoseconds(-1); }
  SECTION("an empty run") { trace.nonzero.push_back({{12}, 0}); }
  SECTION("runs that overlap") { trace.nonzero.push_back({{9}, 2}); }
  SECTION("a run beyond memory") { trace.nonzero.push_back({{12}, 5}); }
  SECTION("a run so far beyond that its end wraps") { trace.nonzero.push_back({{12}, ~0ULL - 3}); }
  SECTION("a page beyond memory") { trace.accesses.back().page = {16}; }
  SECTION("a page touched twice") { trace.accesses.back().page = {3}; }
  SECTION("a page with data that is said to be zero") { trace.accesses.back().zero = true; }
  SECTION("time that goes backwards") { trace.accesses.back().time = Nanoseconds(0); }
  SECTION("a gap longer than a trace may have") {
    trace.accesses.back().time += kMaximumGap + Nanoseconds(1);
  }

  CHECK(defect_of(trace) != std::nullopt);
}

}  // namespace faasnap::bench::test
