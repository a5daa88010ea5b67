#include "paging/planner.h"

#include <catch2/catch_test_macros.hpp>

#include <faasnap/error.h>

#include "paging/loading_set_planner.h"
#include "paging/support.h"

namespace faasnap::paging {
namespace {

// What each page of guest memory shows once every mapping is applied.
struct Shown {
  Backing backing = Backing::anonymous;
  std::uint64_t file_page = 0;
  bool mapped = false;
};

std::vector<Shown> simulate(const RestorePlan& plan, std::uint64_t pages) {
  std::vector<Shown> memory(pages);
  for (const PlannedMapping& mapping : plan.mappings) {
    REQUIRE(mapping.file_offset.value % kPageSize == 0);
    for (std::uint64_t i = 0; i < mapping.guest.count; ++i) {
      memory.at(mapping.guest.first.value + i) = {mapping.backing, mapping.file_offset.pages() + i,
                                                  true};
    }
  }
  return memory;
}

std::size_t count(const RestorePlan& plan, Backing backing) {
  return static_cast<std::size_t>(
      std::count_if(plan.mappings.begin(), plan.mappings.end(),
                    [&](const PlannedMapping& mapping) { return mapping.backing == backing; }));
}

TEST_CASE("lazy is one mapping of the memory file and no reads") {
  const auto plan =
      plan_restore(Setting::lazy, {.memory = 128_MiB, .nonzero = {}, .loading_set = {}});
  REQUIRE(plan.mappings.size() == 1);
  CHECK(plan.mappings[0].backing == Backing::memory_file);
  CHECK(plan.mappings[0].guest == PageRange{{0}, 32768});
  CHECK(plan.mappings[0].file_offset == Bytes{0});
  CHECK(plan.reads.empty());
  CHECK_FALSE(plan.preload_memory_file);
  CHECK(plan.fault_handler == FaultHandler::kernel);
}

TEST_CASE("cached is lazy with the memory file read first") {
  const auto plan =
      plan_restore(Setting::cached, {.memory = 128_MiB, .nonzero = {}, .loading_set = {}});
  CHECK(plan.setting == Setting::cached);
  CHECK(plan.mappings.size() == 1);
  CHECK(plan.preload_memory_file);
}

TEST_CASE("faasnap layers anonymous memory, the memory file and the loading set") {
  const std::vector<PageRange> nonzero = {{{10}, 10}, {{40}, 5}};
  const std::vector<format::LoadingSetRegion> loading = {{{{40}, 2}, {8192}, 0, 0},
                                                         {{{12}, 3}, {16384}, 1, 0}};
  const auto plan = plan_restore(
      Setting::faasnap, {.memory = {100 * kPageSize}, .nonzero = nonzero, .loading_set = loading});
  const auto memory = simulate(plan, 100);
  CHECK(memory[9].backing == Backing::anonymous);
  CHECK(memory[11].backing == Backing::memory_file);
  CHECK(memory[11].file_page == 11);
  CHECK(memory[12].backing == Backing::loading_set);
  CHECK(memory[14].file_page == 6);
  CHECK(memory[15].backing == Backing::memory_file);
  CHECK(memory[41].backing == Backing::loading_set);
  CHECK(memory[42].file_page == 42);
  REQUIRE(plan.reads.size() == 2);
  CHECK(plan.reads[0].guest == PageRange{{40}, 2});
  CHECK(plan.reads[1].file_offset == Bytes{16384});
}

TEST_CASE("one mapping of the memory file runs through below the loading set") {
  const std::vector<PageRange> nonzero = {{{10}, 100}};
  const std::vector<format::LoadingSetRegion> loading = {
      {{{20}, 2}, {4096}, 0, 0}, {{{30}, 2}, {12288}, 0, 0}, {{{40}, 2}, {20480}, 0, 0}};
  const auto plan = plan_restore(
      Setting::faasnap, {.memory = {200 * kPageSize}, .nonzero = nonzero, .loading_set = loading});
  CHECK(count(plan, Backing::memory_file) == 1);
  CHECK(plan.mappings.size() == 5);
}

TEST_CASE("the memory file is not mapped where the loading set covers it whole") {
  const std::vector<PageRange> nonzero = {{{10}, 5}, {{20}, 5}, {{50}, 1}};
  const std::vector<format::LoadingSetRegion> loading = {{{{10}, 15}, {4096}, 0, 0}};
  const auto plan = plan_restore(
      Setting::faasnap, {.memory = {100 * kPageSize}, .nonzero = nonzero, .loading_set = loading});
  CHECK(count(plan, Backing::memory_file) == 1);
  CHECK(simulate(plan, 100)[50].backing == Backing::memory_file);
}

TEST_CASE("a zero page between two regions is never backed by a file") {
  const std::vector<PageRange> nonzero = {{{10}, 5}, {{16}, 5}};
  const auto plan = plan_restore(
      Setting::faasnap, {.memory = {100 * kPageSize}, .nonzero = nonzero, .loading_set = {}});
  CHECK(simulate(plan, 100)[15].backing == Backing::anonymous);
}

TEST_CASE("neighbours in guest memory and in the file are one mapping") {
  const std::vector<format::LoadingSetRegion> loading = {
      {{{10}, 5}, {4096}, 0, 0}, {{{15}, 5}, {4096 * 6}, 0, 0}, {{{20}, 5}, {4096 * 20}, 0, 0}};
  const auto plan = plan_restore(
      Setting::faasnap, {.memory = {100 * kPageSize}, .nonzero = {}, .loading_set = loading});
  CHECK(count(plan, Backing::loading_set) == 2);
  CHECK(plan.reads.size() == 3);
}

// The fewest file mappings that can show `memory`: each loading-set region needs its own, and
// without them each stretch of memory-file pages that anonymous pages part from the next needs one.
std::size_t fewest_memory_file_mappings(const std::vector<Shown>& memory) {
  std::size_t stretches = 0;
  Backing before = Backing::anonymous;
  for (const Shown& page : memory) {
    if (page.backing == Backing::loading_set) {
      continue;
    }
    stretches += page.backing == Backing::memory_file && before == Backing::anonymous ? 1 : 0;
    before = page.backing;
  }
  return stretches;
}

TEST_CASE("a faasnap plan of any image shows every page with its own content") {
  std::mt19937 random(3);
  for (int round = 0; round < 400; ++round) {
    const std::uint64_t pages = 1 + random() % 2500;
    const auto nonzero = test::random_runs(random, pages, 0.05 + 0.9 * (round % 10) / 10, 30);
    std::vector<WorkingSet::Group> groups(1 + random() % 4);
    for (const PageRange& run : test::random_runs(random, pages, 0.3, 10)) {
      groups[random() % groups.size()].push_back(run);
    }
    const auto regions = plan_loading_set(groups, nonzero, {.merge_gap_pages = random() % 40});
    const auto loading = test::lay_out(regions, 8_KiB);
    const auto plan =
        plan_restore(Setting::faasnap,
                     {.memory = {pages * kPageSize}, .nonzero = nonzero, .loading_set = loading});

    const auto memory = simulate(plan, pages);
    const auto data = test::as_bits(nonzero, pages);
    std::vector<std::uint64_t> loading_page(pages, UINT64_MAX);
    for (const auto& region : loading) {
      for (std::uint64_t i = 0; i < region.guest.count; ++i) {
        loading_page[region.guest.first.value + i] = region.file_offset.pages() + i;
      }
    }
    for (std::uint64_t page = 0; page < pages; ++page) {
      REQUIRE(memory[page].mapped);
      if (loading_page[page] != UINT64_MAX) {
        REQUIRE(memory[page].backing == Backing::loading_set);
        REQUIRE(memory[page].file_page == loading_page[page]);
      } else if (data[page]) {
        REQUIRE(memory[page].backing == Backing::memory_file);
        REQUIRE(memory[page].file_page == page);
      } else {
        REQUIRE(memory[page].backing == Backing::anonymous);
      }
    }
    REQUIRE(count(plan, Backing::memory_file) == fewest_memory_file_mappings(memory));
    REQUIRE(count(plan, Backing::loading_set) <= loading.size());
    REQUIRE(plan.reads.size() == loading.size());
    for (std::size_t i = 0; i < loading.size(); ++i) {
      REQUIRE(plan.reads[i].file == Backing::loading_set);
      REQUIRE(plan.reads[i].guest == loading[i].guest);
      REQUIRE(plan.reads[i].file_offset == loading[i].file_offset);
    }
  }
}

ErrorKind kind_of_failure(Setting setting, const PlanInputs& inputs) {
  return test::error_of([&] { plan_restore(setting, inputs); }).kind();
}

TEST_CASE("inputs that cannot be planned are refused") {
  const Bytes memory{10 * kPageSize};
  const std::vector<PageRange> unsorted = {{{5}, 1}, {{3}, 1}};
  const std::vector<PageRange> overlapping = {{{2}, 3}, {{4}, 1}};
  const std::vector<PageRange> beyond = {{{9}, 2}};
  const std::vector<PageRange> overflowing = {{{2}, UINT64_MAX}};
  const std::vector<PageRange> empty = {{{2}, 0}};
  for (const auto& nonzero : {unsorted, overlapping, beyond, overflowing, empty}) {
    CHECK(kind_of_failure(Setting::faasnap, {.memory = memory, .nonzero = nonzero}) ==
          ErrorKind::invalid_argument);
  }
  const std::vector<format::LoadingSetRegion> twice = {{{{2}, 2}, {}, 0, 0}, {{{3}, 1}, {}, 0, 0}};
  CHECK(kind_of_failure(Setting::faasnap, {.memory = memory, .loading_set = twice}) ==
        ErrorKind::invalid_argument);
  CHECK(kind_of_failure(Setting::lazy, {.memory = {100}}) == ErrorKind::invalid_argument);
  CHECK(kind_of_failure(Setting::lazy, {.memory = {0}}) == ErrorKind::invalid_argument);
  CHECK(kind_of_failure(Setting::warm, {.memory = memory}) == ErrorKind::invalid_argument);
  CHECK(kind_of_failure(Setting::boot, {.memory = memory}) == ErrorKind::invalid_argument);
}

}  // namespace
}  // namespace faasnap::paging
