// SPDX-License-Identifier: Apache-2.0

#include "replay/trace/synthetic.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <stdexcept>

#include "replay/trace/trace_file.h"

namespace faasnap::bench::test {
namespace {

// Runs of the touched pages with data, joined where they are less than `gap` pages apart.
std::vector<PageRange> touched_runs(const Trace& trace, std::uint64_t gap) {
  std::vector<PageIndex> pages;
  for (const PageAccess& access : trace.accesses) {
    if (!access.zero) {
      pages.push_back(access.page);
    }
  }
  std::sort(pages.begin(), pages.end());
  std::vector<PageRange> runs;
  for (const PageIndex page : pages) {
    if (runs.empty() || page - runs.back().end() >= std::max<std::uint64_t>(gap, 1)) {
      runs.push_back({page, 0});
    }
    runs.back().count = page + 1 - runs.back().first;
  }
  return runs;
}

std::uint64_t pages_of(const std::vector<PageRange>& runs) {
  std::uint64_t pages = 0;
  for (const PageRange& run : runs) {
    pages += run.count;
  }
  return pages;
}

}  // namespace

TEST_CASE("the synthetic trace has the shape that was measured with", "[synthetic]") {
  const Trace trace = make_synthetic_trace();

  CHECK(defect_of(trace) == std::nullopt);
  CHECK(trace.memory == 1_GiB);
  CHECK(trace.nonzero.size() == 2832);
  CHECK(pages_of(trace.nonzero) == 91750);
  CHECK(pages_of(touched_runs(trace, 0)) == 6000);
  CHECK(touched_runs(trace, 0).size() == 1196);
  CHECK(touched_runs(trace, 32).size() == 328);
  CHECK(pages_of(touched_runs(trace, 32)) == 7219);
  CHECK(std::count_if(trace.accesses.begin(), trace.accesses.end(), [](const PageAccess& access) {
          return access.zero && access.write;
        }) == 4000);
}

TEST_CASE("the same shape gives the same trace, and another seed another", "[synthetic]") {
  SyntheticShape other;
  other.seed = 2;
  const std::string text = print_trace(make_synthetic_trace());

  CHECK(print_trace(make_synthetic_trace()) == text);
  CHECK(print_trace(make_synthetic_trace(other)) != text);
}

TEST_CASE("a shape that no trace can have is refused", "[synthetic]") {
  SyntheticShape shape;

  SECTION("more runs than pages") { shape.nonzero_runs = shape.nonzero_pages + 1; }
  SECTION("more non-zero pages than memory") { shape.nonzero_pages = shape.pages + 1; }
  SECTION("gaps that would part a region") { shape.inner_gap_pages *= 40; }
  SECTION("no room for the touched zero pages") { shape.zero_pages = shape.pages; }
  SECTION("no regions") { shape.regions = 0; }
  SECTION("more regions than runs") { shape.regions = shape.touched_runs + 1; }

  CHECK_THROWS_AS(make_synthetic_trace(shape), std::invalid_argument);
}

}  // namespace faasnap::bench::test
