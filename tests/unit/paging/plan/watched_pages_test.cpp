// SPDX-License-Identifier: Apache-2.0

#include "paging/plan/watched_pages.h"

#include <catch2/catch_test_macros.hpp>

#include "paging/support.h"

namespace faasnap::paging {
namespace {

constexpr std::uint64_t kWatchedPages = 32768;
constexpr Bytes kWatchedMemory{kWatchedPages * kPageSize};

RestorePlan plan_with(HandledFaults faults) { return {.faults = std::move(faults)}; }

TEST_CASE("all pages with data and all short gaps are watched, and no long gap is") {
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    const auto nonzero = test::random_runs(random, kWatchedPages, 0.02, 40);
    const auto plan = plan_with({.nonzero = nonzero});
    const auto handled = handled_pages(plan, kWatchedMemory);
    const auto bits = test::as_bits(handled.watched.runs(), kWatchedPages);
    for (const PageRange& run : nonzero) {
      REQUIRE(bits[run.first.value]);
      REQUIRE(bits[run.end().value - 1]);
    }
    PageIndex end{0};
    for (const PageRange& run : nonzero) {
      const std::uint64_t gap = run.first - end;
      if (gap != 0) {
        REQUIRE(bits[end.value] == (gap < kUnwatchedGap && end.value != 0));
      }
      end = run.end();
    }
  }
}

TEST_CASE("what is read is watched, with data or without") {
  const auto plan =
      plan_with({.nonzero = {{{100}, 2}},
                 .load = InstallWhileRunning{.reads = {{Backing::stream_set, {}, {{9000}, 4}},
                                                       {Backing::stream_set, {}, {{5000}, 1}}}}});
  CHECK(handled_pages(plan, kWatchedMemory).watched.runs() ==
        std::vector<PageRange>{{{100}, 2}, {{5000}, 1}, {{9000}, 4}});
}

TEST_CASE("what is mapped is not watched, nor is a gap joined over it") {
  RestorePlan plan = plan_with({.nonzero = {{{100}, 50}, {{160}, 2}}});
  plan.mappings = {{{{0}, kWatchedPages}, Backing::anonymous, {}},
                   {{{120}, 20}, Backing::memory_file, PageIndex{120}.offset(), 1}};
  CHECK(handled_pages(plan, kWatchedMemory).watched.runs() ==
        std::vector<PageRange>{{{100}, 20}, {{140}, 22}});
}

TEST_CASE("everything is watched where each fault counts") {
  const std::vector<PageRange> nonzero = {{{100}, 2}};
  const std::vector<PageRange> all = {{{0}, kWatchedPages}};
  const auto watched = [&](HandledFaults faults) {
    faults.nonzero = nonzero;
    return handled_pages(plan_with(std::move(faults)), kWatchedMemory).watched.runs();
  };
  CHECK(watched({.record = AccessRecording::all}) == all);
  CHECK(watched({.load = InstallBeforeStart{}}) == all);
}

TEST_CASE("the zeros that nobody foresaw are what is watched and neither has data nor is loaded") {
  HandledFaults faults{
      .nonzero = {{{100}, 2}, {{110}, 5}},
      .load = InstallWhileRunning{
          .reads = {{Backing::stream_set, {}, {{120}, 2}}, {Backing::stream_set, {}, {{110}, 1}}},
          .zero_pages = {{{105}, 2}, {{103}, 1}, {{5000}, 10}}}};
  CHECK(handled_pages(plan_with(faults), kWatchedMemory).unforeseen_zeros.runs() ==
        std::vector<PageRange>{{{102}, 1}, {{104}, 1}, {{107}, 3}, {{115}, 5}});
  faults.record = AccessRecording::all;
  CHECK(handled_pages(plan_with(faults), kWatchedMemory).unforeseen_zeros.empty());
}

TEST_CASE("zero pages are cut where watching begins and ends, and keep their order") {
  const memory::PageSet watched(std::vector<PageRange>{{{10}, 10}, {{40}, 5}});
  const std::vector<PageRange> zeros = {{{38}, 10}, {{0}, 4}, {{8}, 20}};
  const auto stretches = cut_zeros(zeros, watched, 6);
  const std::vector<std::pair<PageRange, bool>> expected = {
      {{{38}, 2}, false}, {{{40}, 5}, true},  {{{45}, 3}, false},
      {{{0}, 4}, false},  {{{8}, 2}, false},  {{{10}, 6}, true},
      {{{16}, 4}, true},  {{{20}, 6}, false}, {{{26}, 2}, false}};
  REQUIRE(stretches.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK(stretches[i].pages == expected[i].first);
    CHECK(stretches[i].watched == expected[i].second);
  }
}

}  // namespace
}  // namespace faasnap::paging
