// SPDX-License-Identifier: Apache-2.0

#include "paging/plan/planner.h"

#include <catch2/catch_test_macros.hpp>

#include <faasnap/error.h>

#include "paging/plan/loading_set.h"
#include "paging/plan/plan_simulation.h"
#include "paging/support.h"

namespace faasnap::paging {
namespace {

std::size_t count(const RestorePlan& plan, Backing backing) {
  return static_cast<std::size_t>(
      std::count_if(plan.mappings.begin(), plan.mappings.end(),
                    [&](const PlannedMapping& mapping) { return mapping.backing == backing; }));
}

bool reads_ahead(const RestorePlan& plan) { return std::get<KernelFaults>(plan.faults).read_ahead; }

TEST_CASE("lazy is one mapping of the memory file and no reads") {
  const auto plan =
      plan_restore(Setting::lazy, {.memory = 128_MiB, .nonzero = {}, .loading_set = {}});
  REQUIRE(plan.mappings.size() == 1);
  CHECK(plan.mappings[0].backing == Backing::memory_file);
  CHECK(plan.mappings[0].guest == PageRange{{0}, 32768});
  CHECK(plan.mappings[0].file_offset == Bytes{0});
  CHECK(plan.reads().empty());
  CHECK(plan.load_if<NoLoad>() != nullptr);
  CHECK(plan.handled() == nullptr);
}

TEST_CASE("cached is lazy with the memory file read first") {
  const auto plan =
      plan_restore(Setting::cached, {.memory = 128_MiB, .nonzero = {}, .loading_set = {}});
  CHECK(plan.setting == Setting::cached);
  CHECK(plan.mappings.size() == 1);
  CHECK(plan.load_if<PreloadFile>() != nullptr);
}

TEST_CASE("faasnap layers anonymous memory, the memory file and the loading set") {
  const std::vector<PageRange> nonzero = {{{10}, 10}, {{40}, 5}};
  const std::vector<format::StoredPageRun> loading = {{{{40}, 2}, {8192}, 0, 0},
                                                      {{{12}, 3}, {16384}, 1, 0}};
  const auto plan = plan_restore(
      Setting::faasnap, {.memory = {100 * kPageSize}, .nonzero = nonzero, .loading_set = loading});
  const auto memory = test::apply_mappings(plan, 100);
  CHECK(memory[9].backing == Backing::anonymous);
  CHECK(memory[11].backing == Backing::memory_file);
  CHECK(memory[11].file_page == 11);
  CHECK(memory[12].backing == Backing::loading_set);
  CHECK(memory[14].file_page == 6);
  CHECK(memory[15].backing == Backing::memory_file);
  CHECK(memory[41].backing == Backing::loading_set);
  CHECK(memory[42].file_page == 42);
  REQUIRE(plan.reads().size() == 2);
  CHECK(plan.reads()[0].guest == PageRange{{40}, 2});
  CHECK(plan.reads()[1].file_offset == Bytes{16384});
}

TEST_CASE("one mapping of the memory file runs through below the loading set") {
  const std::vector<PageRange> nonzero = {{{10}, 100}};
  const std::vector<format::StoredPageRun> loading = {
      {{{20}, 2}, {4096}, 0, 0}, {{{30}, 2}, {12288}, 0, 0}, {{{40}, 2}, {20480}, 0, 0}};
  const auto plan = plan_restore(
      Setting::faasnap, {.memory = {200 * kPageSize}, .nonzero = nonzero, .loading_set = loading});
  CHECK(count(plan, Backing::memory_file) == 1);
  CHECK(plan.mappings.size() == 5);
}

TEST_CASE("the memory file is not mapped where the loading set covers it whole") {
  const std::vector<PageRange> nonzero = {{{10}, 5}, {{20}, 5}, {{50}, 1}};
  const std::vector<format::StoredPageRun> loading = {{{{10}, 15}, {4096}, 0, 0}};
  const auto plan = plan_restore(
      Setting::faasnap, {.memory = {100 * kPageSize}, .nonzero = nonzero, .loading_set = loading});
  CHECK(count(plan, Backing::memory_file) == 1);
  CHECK(test::apply_mappings(plan, 100)[50].backing == Backing::memory_file);
}

TEST_CASE("a zero page between two regions is never backed by a file") {
  const std::vector<PageRange> nonzero = {{{10}, 5}, {{16}, 5}};
  const auto plan = plan_restore(
      Setting::faasnap, {.memory = {100 * kPageSize}, .nonzero = nonzero, .loading_set = {}});
  CHECK(test::apply_mappings(plan, 100)[15].backing == Backing::anonymous);
}

TEST_CASE("neighbours in guest memory and in the file are one mapping") {
  const std::vector<format::StoredPageRun> loading = {
      {{{10}, 5}, {4096}, 0, 0}, {{{15}, 5}, {4096 * 6}, 0, 0}, {{{20}, 5}, {4096 * 20}, 0, 0}};
  const auto plan = plan_restore(
      Setting::faasnap, {.memory = {100 * kPageSize}, .nonzero = {}, .loading_set = loading});
  CHECK(count(plan, Backing::loading_set) == 2);
  CHECK(plan.reads().size() == 3);
}

// The fewest file mappings that can show `memory`: each loading-set region needs its own, and
// without them each stretch of memory-file pages that anonymous pages part from the next needs one.
std::size_t fewest_memory_file_mappings(const std::vector<test::Behind>& memory) {
  std::size_t stretches = 0;
  Backing before = Backing::anonymous;
  for (const test::Behind& page : memory) {
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
    std::vector<PageGroup> groups(1 + random() % 4);
    for (const PageRange& run : test::random_runs(random, pages, 0.3, 10)) {
      groups[random() % groups.size()].push_back(run);
    }
    const auto regions = plan_loading_set(groups, nonzero, {.merge_gap_pages = random() % 40});
    const auto loading = test::lay_out(regions, 8_KiB);
    const auto plan =
        plan_restore(Setting::faasnap,
                     {.memory = {pages * kPageSize}, .nonzero = nonzero, .loading_set = loading});

    const auto memory = test::apply_mappings(plan, pages);
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
    REQUIRE(plan.reads().size() == loading.size());
    for (std::size_t i = 0; i < loading.size(); ++i) {
      REQUIRE(plan.reads()[i].file == Backing::loading_set);
      REQUIRE(plan.reads()[i].guest == loading[i].guest);
      REQUIRE(plan.reads()[i].file_offset == loading[i].file_offset);
    }
  }
}

TEST_CASE("concurrent is lazy with the recorded pages read in group order, zero ones too") {
  const std::vector<PageRange> nonzero = {{{40}, 5}};
  const std::vector<PageGroup> recorded = {{{{40}, 2}, {{70}, 3}}, {{{10}, 1}}};
  const auto plan = plan_restore(
      Setting::concurrent, {.memory = {100 * kPageSize}, .nonzero = nonzero, .recorded = recorded});
  REQUIRE(plan.mappings.size() == 1);
  CHECK(plan.mappings[0].backing == Backing::memory_file);
  CHECK(plan.load_if<ReadIntoPageCache>() != nullptr);
  CHECK_FALSE(reads_ahead(plan));
  REQUIRE(plan.reads().size() == 3);
  CHECK(plan.reads()[0].guest == PageRange{{40}, 2});
  CHECK(plan.reads()[1].guest == PageRange{{70}, 3});
  CHECK(plan.reads()[2].guest == PageRange{{10}, 1});
  for (const PlannedRead& read : plan.reads()) {
    CHECK(read.file == Backing::memory_file);
    CHECK(read.file_offset == read.guest.first.offset());
  }
}

TEST_CASE("per-region maps the memory file over its data only, and reads what of it is recorded") {
  const std::vector<PageRange> nonzero = {{{10}, 2}, {{40}, 5}};
  const std::vector<PageGroup> recorded = {{{{38}, 4}, {{70}, 3}}, {{{9}, 2}}};
  const auto plan = plan_restore(
      Setting::per_region, {.memory = {100 * kPageSize}, .nonzero = nonzero, .recorded = recorded});
  REQUIRE(plan.mappings.size() == 3);
  CHECK(plan.mappings[0].backing == Backing::anonymous);
  CHECK(plan.mappings[1].guest == PageRange{{10}, 2});
  CHECK(plan.mappings[2].guest == PageRange{{40}, 5});
  CHECK_FALSE(reads_ahead(plan));
  REQUIRE(plan.reads().size() == 2);
  CHECK(plan.reads()[0].guest == PageRange{{40}, 2});
  CHECK(plan.reads()[1].guest == PageRange{{10}, 1});
}

TEST_CASE("prepared, faasnap allocates the zero pages that no region brings along") {
  const std::vector<PageRange> nonzero = {{{10}, 2}, {{20}, 2}};
  const std::vector<format::StoredPageRun> set = {{{{10}, 12}, {4096}, 0, 0}};
  const std::vector<PageRange> zeros = {{{50}, 2}, {{5}, 8}, {{13}, 2}, {{19}, 1}, {{21}, 9}};
  PlanInputs inputs{.memory = {100 * kPageSize},
                    .nonzero = nonzero,
                    .loading_set = set,
                    .zero_runs = zeros,
                    .prepared = true};
  const auto plan = plan_restore(Setting::faasnap, inputs);
  CHECK(std::ranges::equal(plan.zero_pages(),
                           std::vector<PageRange>{{{50}, 2}, {{5}, 5}, {{22}, 8}}));
  CHECK(plan.load_if<ReadIntoPageCache>()->begin == ReadIntoPageCache::Begin::with_start);
  inputs.prepared = false;
  const auto published = plan_restore(Setting::faasnap, inputs);
  CHECK(published.zero_pages().empty());
  CHECK(published.load_if<ReadIntoPageCache>()->begin == ReadIntoPageCache::Begin::with_restore);
}

TEST_CASE("prepared, faasnap enters the touched pages of its regions, copied where written") {
  const std::vector<PageRange> nonzero = {{{10}, 30}};
  const std::vector<format::StoredPageRun> set = {{{{30}, 5}, {4096}, 0, 0},
                                                  {{{10}, 12}, {24576}, 1, 0}};
  std::vector<PageAccess> accesses;
  for (const std::uint64_t page : {32, 33, 21, 22, 11, 12, 31}) {
    PageAccess access{};
    access.page = PageIndex{page};
    access.write = page != 32 && page != 31 && page != 22;
    accesses.push_back(access);
  }
  PlanInputs inputs{.memory = {100 * kPageSize},
                    .nonzero = nonzero,
                    .loading_set = set,
                    .accesses = accesses,
                    .prepared = true};
  const auto plan = plan_restore(Setting::faasnap, inputs);
  const auto& entries = plan.load_if<ReadIntoPageCache>()->entries;
  REQUIRE(entries.size() == 4);
  CHECK((entries[0].guest == PageRange{{11}, 2} && entries[0].copied));
  CHECK((entries[1].guest == PageRange{{21}, 1} && entries[1].copied));
  CHECK((entries[2].guest == PageRange{{31}, 2} && !entries[2].copied));
  CHECK((entries[3].guest == PageRange{{33}, 1} && entries[3].copied));
  inputs.prepared = false;
  const auto published = plan_restore(Setting::faasnap, inputs);
  CHECK(published.load_if<ReadIntoPageCache>()->entries.empty());
}

TEST_CASE("reap installs its set before the start, and answers the rest in user space") {
  const std::vector<PageRange> nonzero = {{{10}, 2}, {{40}, 5}};
  const std::vector<format::StoredPageRun> set = {{{{41}, 2}, {4096}, 0, 0},
                                                  {{{7}, 1}, {12288}, 0, 0}};
  const auto plan = plan_restore(
      Setting::reap, {.memory = {100 * kPageSize}, .nonzero = nonzero, .reap_set = set});
  REQUIRE(plan.mappings.size() == 1);
  CHECK(plan.mappings[0].backing == Backing::anonymous);
  REQUIRE(plan.load_if<InstallBeforeStart>() != nullptr);
  CHECK(plan.handled()->nonzero == nonzero);
  CHECK(plan.zero_pages().empty());
  REQUIRE(plan.reads().size() == 2);
  CHECK(plan.reads()[0].file == Backing::reap_set);
  CHECK(plan.reads()[1].file_offset == Bytes{12288});
}

TEST_CASE("stream installs data and zeros while the guest runs") {
  const std::vector<PageRange> nonzero = {{{40}, 5}};
  const std::vector<format::StoredPageRun> set = {{{{41}, 2}, {4096}, 0, 0}};
  const std::vector<PageRange> zeros = {{{90}, 2}, {{3}, 1}};
  const auto plan = plan_restore(
      Setting::stream,
      {.memory = {100 * kPageSize}, .nonzero = nonzero, .stream_set = set, .zero_runs = zeros});
  REQUIRE(plan.mappings.size() == 1);
  CHECK(plan.mappings[0].backing == Backing::anonymous);
  REQUIRE(plan.load_if<InstallWhileRunning>() != nullptr);
  CHECK(plan.handled()->record == AccessRecording::none);
  CHECK(std::ranges::equal(plan.zero_pages(), zeros));
  REQUIRE(plan.reads().size() == 1);
  CHECK(plan.reads()[0].file == Backing::stream_set);
}

TEST_CASE("stream reads of a compressed set the blocks that regions lie in") {
  const std::vector<PageRange> nonzero = {{{10}, 50}};
  const std::vector<format::StoredPageRun> set = {{{{41}, 3}, {4096}, 0, 0},
                                                  {{{12}, 3}, {4 * 4096}, 0, 0}};
  std::vector<format::StoredBlock> blocks = {{{4096}, {3000}, 0}, {{8192}, {8192}, 0}};
  PlanInputs inputs{.memory = {100 * kPageSize},
                    .nonzero = nonzero,
                    .stream_set = set,
                    .stream_blocks = blocks,
                    .stream_block_pages = 4};
  const auto plan = plan_restore(Setting::stream, inputs);
  REQUIRE(plan.reads().size() == 3);
  const auto is = [&](std::size_t i, PageRange guest, Bytes offset, Bytes stored, Bytes begin) {
    const PlannedRead& read = plan.reads()[i];
    return read.guest == guest && read.file_offset == offset && read.block->stored == stored &&
           read.block->begin == begin;
  };
  CHECK(is(0, {{41}, 3}, {4096}, {3000}, {0}));
  CHECK(is(1, {{12}, 1}, {4096}, {3000}, {3 * kPageSize}));
  CHECK(is(2, {{13}, 2}, {8192}, {8192}, {0}));
  CHECK(plan.reads()[0].block->content == Bytes{4 * kPageSize});
  CHECK(plan.reads()[2].block->content == Bytes{2 * kPageSize});
  CHECK(plan.reads()[0].length() == Bytes{kPageSize});
  inputs.stream_block_pages = 3;
  blocks.push_back(blocks.back());
  inputs.stream_blocks = blocks;
  CHECK(test::kind_of([&] { plan_restore(Setting::stream, inputs); }) ==
        ErrorKind::invalid_argument);
}

TEST_CASE("stream maps what a base has in the page cache, and enters it instead of reading") {
  const std::vector<PageRange> nonzero = {{{10}, 80}};
  const memory::PageSet own(std::vector<PageRange>{{{10}, 10}, {{50}, 5}});
  const memory::PageSet base(std::vector<PageRange>{{{20}, 30}, {{55}, 35}});
  const std::vector<ImageLayer> layers = {{own, own}, {base, base}};
  // The third has pages of both, as a set that was made without regard to the base.
  const std::vector<format::StoredPageRun> set = {
      {{{12}, 2}, {4096}, 0, 0}, {{{25}, 3}, {12288}, 0, 0}, {{{53}, 4}, {24576}, 0, 0}};
  const std::vector<PageAccess> touched = {{{12}}, {{13}}, {{25}}, {{26}}, {{27}}, {{53}}};
  PlanInputs inputs{.memory = {100 * kPageSize},
                    .nonzero = nonzero,
                    .layers = layers,
                    .stream_set = set,
                    .accesses = touched,
                    .prepared = true};
  CHECK(plan_restore(Setting::stream, inputs).mappings.size() == 1);
  CHECK(plan_restore(Setting::stream, inputs).reads().size() == 3);

  inputs.bases_cached = true;
  const auto plan = plan_restore(Setting::stream, inputs);
  REQUIRE(plan.reads().size() == 2);
  CHECK(plan.reads()[0].guest == PageRange{{12}, 2});
  CHECK(plan.reads()[1].guest == PageRange{{53}, 4});
  const auto behind = test::apply_mappings(plan, 100);
  CHECK(behind[19].backing == Backing::anonymous);
  CHECK(behind[20].backing == Backing::memory_file);
  CHECK(behind[20].layer == 1);
  CHECK(behind[49].file_page == 49);
  CHECK(behind[50].backing == Backing::anonymous);
  // Nothing of this run is touched but what is read.
  CHECK(behind[60].backing == Backing::anonymous);
  const auto* load = plan.load_if<InstallWhileRunning>();
  REQUIRE(load != nullptr);
  REQUIRE(load->entries.size() == 1);
  CHECK(load->entries[0].guest == PageRange{{25}, 3});
}

TEST_CASE("to record touches, nothing is loaded and every touch is noted") {
  const std::vector<PageRange> nonzero = {{{40}, 5}};
  const auto plan = plan_recording({.memory = {100 * kPageSize}, .nonzero = nonzero});
  CHECK(plan.setting == Setting::lazy);
  REQUIRE(plan.handled() != nullptr);
  CHECK(plan.handled()->record == AccessRecording::all);
  CHECK(plan.handled()->nonzero == nonzero);
  CHECK(plan.load_if<NoLoad>() != nullptr);
}

TEST_CASE("lazy and cached leave the kernel its read-ahead") {
  CHECK(reads_ahead(plan_restore(Setting::lazy, {.memory = 1_MiB})));
  CHECK(reads_ahead(plan_restore(Setting::cached, {.memory = 1_MiB})));
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
  const std::vector<format::StoredPageRun> twice = {{{{2}, 2}, {}, 0, 0}, {{{3}, 1}, {}, 0, 0}};
  CHECK(kind_of_failure(Setting::faasnap, {.memory = memory, .loading_set = twice}) ==
        ErrorKind::invalid_argument);
  for (const Setting setting : {Setting::reap, Setting::stream, Setting::per_region}) {
    for (const auto& nonzero : {unsorted, overlapping, beyond, overflowing, empty}) {
      CHECK(kind_of_failure(setting, {.memory = memory, .nonzero = nonzero}) ==
            ErrorKind::invalid_argument);
    }
  }
  CHECK(kind_of_failure(Setting::reap, {.memory = memory, .reap_set = twice}) ==
        ErrorKind::invalid_argument);
  CHECK(kind_of_failure(Setting::stream, {.memory = memory, .stream_set = twice}) ==
        ErrorKind::invalid_argument);
  for (const Setting setting : {Setting::concurrent, Setting::per_region}) {
    for (const auto& group : {unsorted, overlapping, beyond, overflowing, empty}) {
      const std::vector<PageGroup> recorded = {group};
      CHECK(kind_of_failure(setting, {.memory = memory, .recorded = recorded}) ==
            ErrorKind::invalid_argument);
    }
    const std::vector<PageGroup> in_two = {{{{2}, 2}}, {{{3}, 1}}};
    CHECK(kind_of_failure(setting, {.memory = memory, .recorded = in_two}) ==
          ErrorKind::invalid_argument);
  }
  CHECK(kind_of_failure(Setting::lazy, {.memory = {100}}) == ErrorKind::invalid_argument);
  CHECK(kind_of_failure(Setting::lazy, {.memory = {0}}) == ErrorKind::invalid_argument);
  CHECK(kind_of_failure(static_cast<Setting>(99), {.memory = memory}) ==
        ErrorKind::invalid_argument);
}

TEST_CASE("a stream set that has zeros where the image has data is refused, and the page named") {
  const std::vector<PageRange> nonzero = {{{4}, 2}};
  const std::vector<PageRange> zeros = {{{8}, 1}, {{3}, 2}};
  const Error error = test::error_of([&] {
    plan_restore(Setting::stream,
                 {.memory = {10 * kPageSize}, .nonzero = nonzero, .zero_runs = zeros});
  });
  CHECK(error.kind() == ErrorKind::invalid_argument);
  CHECK(std::string(error.what()).find("page 4 as zero") != std::string::npos);
}

}  // namespace
}  // namespace faasnap::paging
