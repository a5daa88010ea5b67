// SPDX-License-Identifier: Apache-2.0

#include "paging/plan/installed_sets.h"

#include <catch2/catch_test_macros.hpp>

namespace faasnap::paging {
namespace {

std::vector<PageAccess> touches(std::initializer_list<std::uint64_t> pages) {
  std::vector<PageAccess> accesses;
  for (const std::uint64_t page : pages) {
    accesses.push_back({{page}});
  }
  return accesses;
}

std::vector<PageRange> ranges_of(const std::vector<format::PageRun>& regions) {
  std::vector<PageRange> ranges;
  for (const auto& region : regions) {
    ranges.push_back(region.guest);
  }
  return ranges;
}

using Ranges = std::vector<PageRange>;

TEST_CASE("REAP keeps every touched page in the order of touches, joining ascending ones") {
  const auto set = plan_reap_set(touches({7, 8, 9, 3, 2, 1, 10, 11}));
  CHECK(ranges_of(set) == Ranges{{{7}, 3}, {{3}, 1}, {{2}, 1}, {{1}, 1}, {{10}, 2}});
  CHECK(plan_reap_set({}).empty());
}

TEST_CASE("what stream missed in a recording is in its own set, and not in that of REAP") {
  auto accesses = touches({7, 8, 9});
  accesses[1].missed = true;
  CHECK(ranges_of(plan_reap_set(accesses)) == Ranges{{{7}, 1}, {{9}, 1}});
  CHECK(ranges_of(plan_stream_set(accesses, Ranges{{{0}, 100}}, 3, 0).regions) == Ranges{{{7}, 3}});
}

TEST_CASE("the stream set is sorted by address within a group, and groups come in order") {
  const Ranges nonzero = {{{0}, 100}};
  const auto set = plan_stream_set(touches({50, 7, 51, 9, 8, 6}), nonzero, 3, 0);
  CHECK(ranges_of(set.regions) == Ranges{{{7}, 1}, {{50}, 2}, {{6}, 1}, {{8}, 2}});
  CHECK(set.regions[1].lowest_group == 0);
  CHECK(set.regions[2].lowest_group == 1);
  CHECK(set.zero_runs.empty());
}

TEST_CASE("the stream set has pages of zeros as runs without data, in the same order") {
  const Ranges nonzero = {{{10}, 2}, {{20}, 1}};
  const auto set = plan_stream_set(touches({21, 12, 10, 11, 13, 20, 1, 22}), nonzero, 5, 0);
  CHECK(ranges_of(set.regions) == Ranges{{{10}, 2}, {{20}, 1}});
  CHECK(set.zero_runs == Ranges{{{12}, 2}, {{21}, 1}, {{1}, 1}, {{22}, 1}});
}

TEST_CASE("the stream set takes short gaps along, with the earlier group, if they have data") {
  const Ranges nonzero = {{{0}, 30}};
  // Group 0: 4, 10, 29; group 1: 6, 13, 31.
  const auto touched = touches({4, 10, 29, 6, 13, 31});
  const auto none = plan_stream_set(touched, nonzero, 3, 0);
  CHECK(ranges_of(none.regions) == Ranges{{{4}, 1}, {{10}, 1}, {{29}, 1}, {{6}, 1}, {{13}, 1}});
  const auto one = plan_stream_set(touched, nonzero, 3, 1);
  CHECK(ranges_of(one.regions) == Ranges{{{4}, 2}, {{10}, 1}, {{29}, 1}, {{6}, 1}, {{13}, 1}});
  const auto two = plan_stream_set(touched, nonzero, 3, 2);
  CHECK(ranges_of(two.regions) == Ranges{{{4}, 2}, {{10}, 3}, {{29}, 1}, {{6}, 1}, {{13}, 1}});
  CHECK(two.zero_runs == Ranges{{{31}, 1}});
}

TEST_CASE("a group is split into data and zeros where the image says so") {
  const auto touched = touches({20, 21, 22, 23, 24, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  const auto set = plan_stream_set(touched, Ranges{{{3}, 2}, {{8}, 14}}, 15, 0);
  CHECK(ranges_of(set.regions) == Ranges{{{3}, 2}, {{8}, 2}, {{20}, 2}});
  CHECK(set.zero_runs == Ranges{{{0}, 3}, {{5}, 3}, {{22}, 3}});
}

TEST_CASE("only long runs of what bases have can be mapped") {
  const memory::PageSet based(
      Ranges{{{0}, kMappableRunPages - 1}, {{100}, kMappableRunPages}, {{200}, 300}});
  CHECK(mappable(based).runs() == Ranges{{{100}, kMappableRunPages}, {{200}, 300}});
}

TEST_CASE("in a group of the stream set what can be mapped comes last, in regions of its own") {
  const memory::PageSet can_be_mapped(Ranges{{{8}, 3}, {{40}, 20}});
  const auto set =
      plan_stream_set(touches({50, 7, 8, 51, 20, 9, 6}), Ranges{{{0}, 100}}, 5, 0, can_be_mapped);
  CHECK(ranges_of(set.regions) ==
        Ranges{{{7}, 1}, {{20}, 1}, {{8}, 1}, {{50}, 2}, {{6}, 1}, {{9}, 1}});
  CHECK(set.regions[3].lowest_group == 0);
  CHECK(set.regions[4].lowest_group == 1);
  CHECK(set.zero_runs.empty());
}

TEST_CASE("mapped pages are entered with short gaps, by address in the order of groups") {
  const memory::PageSet mapped(Ranges{{{100}, 50}, {{200}, 50}});
  CHECK(entries_by_group(mapped, {}).empty());
  auto touched = touches({130, 101, 100 + 2 + kEnteredGapPages, 1, 149, 200, 205});
  const auto read = entries_by_group(mapped, touched);
  REQUIRE(read.size() == 4);
  CHECK(read[0].guest == PageRange{{101}, 2 + kEnteredGapPages});
  CHECK(read[1].guest == PageRange{{130}, 1});
  // Not over the end of what is mapped.
  CHECK(read[2].guest == PageRange{{149}, 1});
  CHECK(read[3].guest == PageRange{{200}, 6});
  touched[6].write = true;
  const auto written = entries_by_group(mapped, touched);
  REQUIRE(written.size() == 5);
  CHECK(written[4].guest == PageRange{{205}, 1});
  CHECK(written[4].copied);
  CHECK_FALSE(written[3].copied);
}

}  // namespace
}  // namespace faasnap::paging
