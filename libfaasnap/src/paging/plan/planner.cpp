// SPDX-License-Identifier: Apache-2.0

#include "paging/plan/planner.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.h"
#include "memory/image_map.h"
#include "memory/page_set.h"
#include "paging/plan/installed_sets.h"
#include "paging/plan/layered_mappings.h"
#include "paging/plan/plan_inputs.h"

namespace faasnap::paging {
namespace {

PageRange whole(Bytes memory) { return {PageIndex{0}, memory.pages()}; }

// Adds reads of pages that are mapped from memory files.
void read_images(RestorePlan& plan, std::span<const PageRange> runs) {
  auto& reads = std::get<ReadIntoPageCache>(std::get<KernelFaults>(plan.faults).load).reads;
  for (const PlannedRead& read : reads_of_images(plan, runs)) {
    reads.push_back(read);
  }
}

std::vector<PlannedRead> reads_of(Backing file, std::span<const format::StoredPageRun> regions) {
  std::vector<PlannedRead> reads;
  reads.reserve(regions.size());
  for (const auto& region : regions) {
    reads.push_back({file, region.file_offset, region.guest});
  }
  return reads;
}

// Appends the reads of a region of the compressed stream set whose content begins at page `at`: one
// for each block that has a part of it.
void read_blocks(std::vector<PlannedRead>& reads, const PlanInputs& inputs, PageRange rest,
                 std::uint64_t at, std::uint64_t content_pages) {
  const std::uint64_t block_pages = inputs.stream_block_pages;
  while (rest.count != 0) {
    const std::uint64_t number = at / block_pages;
    const format::StoredBlock& block = inputs.stream_blocks[number];
    const std::uint64_t begin = at % block_pages;
    const std::uint64_t pages = std::min(rest.count, block_pages - begin);
    reads.push_back({.file = Backing::stream_set,
                     .file_offset = block.file_offset,
                     .guest = {rest.first, pages},
                     .block = PlannedBlock{
                         .stored = block.stored,
                         .content = format::content_of_block(number, content_pages, block_pages),
                         .begin = {begin * kPageSize}}});
    rest = {rest.first + pages, rest.count - pages};
    at += pages;
  }
}

std::vector<PlannedRead> reads_of_stream_set(const PlanInputs& inputs) {
  if (inputs.stream_block_pages == 0) {
    return reads_of(Backing::stream_set, inputs.stream_set);
  }
  const std::uint64_t pages = stream_set_pages(inputs);
  std::vector<PlannedRead> reads;
  std::uint64_t at = 0;
  for (const format::StoredPageRun& region : inputs.stream_set) {
    read_blocks(reads, inputs, region.guest, at, pages);
    at += region.guest.count;
  }
  return reads;
}

ReadIntoPageCache begin_reading(const PlanInputs& inputs) {
  using Begin = ReadIntoPageCache::Begin;
  return {.begin = inputs.prepared ? Begin::with_start : Begin::with_restore};
}

RestorePlan plan_images(Setting setting, const PlanInputs& inputs, KernelFaults faults) {
  RestorePlan plan{.setting = setting, .faults = std::move(faults)};
  map_images(plan, inputs);
  return plan;
}

// Zero pages are read as well: a first touch of a hole of a mapped file waits for the file system
// as any other does.
RestorePlan plan_concurrent(const PlanInputs& inputs) {
  check_recorded(inputs);
  check_nonzero(inputs);
  RestorePlan plan = plan_images(Setting::concurrent, inputs,
                                 {.read_ahead = false, .load = begin_reading(inputs)});
  for (const auto& group : inputs.recorded) {
    read_images(plan, group);
  }
  return plan;
}

RestorePlan plan_layers(Setting setting, const PlanInputs& inputs,
                        std::span<const format::StoredPageRun> loading_set,
                        ReadIntoPageCache load) {
  RestorePlan plan{.setting = setting,
                   .mappings = {{whole(inputs.memory), Backing::anonymous, {}}},
                   .faults = KernelFaults{.read_ahead = false, .load = std::move(load)}};
  map_layers(plan, inputs, loading_set);
  return plan;
}

RestorePlan plan_per_region(const PlanInputs& inputs) {
  check_recorded(inputs);
  check_nonzero(inputs);
  RestorePlan plan = plan_layers(Setting::per_region, inputs, {}, begin_reading(inputs));
  const memory::PageSet nonzero(inputs.nonzero);
  for (const auto& group : inputs.recorded) {
    read_images(plan, memory::PageSet(group).intersect(nonzero).runs());
  }
  return plan;
}

RestorePlan plan_faasnap(const PlanInputs& inputs) {
  check_nonzero(inputs);
  check_regions(inputs.loading_set, {}, inputs, "the loading set");
  ReadIntoPageCache load = begin_reading(inputs);
  load.reads = reads_of(Backing::loading_set, inputs.loading_set);
  if (inputs.prepared) {
    load.zero_pages = zero_runs_outside(inputs.loading_set, inputs.zero_runs);
    load.entries =
        entries_inside(memory::PageSet(guest_ranges(inputs.loading_set)), inputs.accesses);
  }
  return plan_layers(Setting::faasnap, inputs, inputs.loading_set, std::move(load));
}

// Returns the pages of the image that bases have, by address.
std::vector<ImageRun> based_runs(const PlanInputs& inputs) {
  std::vector<ImageRun> based;
  for (std::uint32_t n = 1; n < inputs.layers.size(); ++n) {
    for (const PageRange& run : inputs.layers[n].shown.runs()) {
      based.push_back({run, n});
    }
  }
  std::ranges::sort(based, {}, [](const ImageRun& run) { return run.guest.first; });
  return based;
}

// A page that is not installed, nor mapped by the caller, is answered from the memory file.
RestorePlan plan_handled(Setting setting, const PlanInputs& inputs, HandledFaults faults) {
  faults.nonzero.assign(inputs.nonzero.begin(), inputs.nonzero.end());
  faults.based = based_runs(inputs);
  return {.setting = setting,
          .mappings = {{whole(inputs.memory), Backing::anonymous, {}}},
          .faults = std::move(faults)};
}

RestorePlan plan_reap(const PlanInputs& inputs) {
  check_nonzero(inputs);
  check_regions(inputs.reap_set, {}, inputs, "the REAP set");
  return plan_handled(
      Setting::reap, inputs,
      {.load = InstallBeforeStart{.reads = reads_of(Backing::reap_set, inputs.reap_set)}});
}

// Returns the runs of what bases have that hold a whole region of the stream set, without what
// other regions have of them.
memory::PageSet pages_to_map(const PlanInputs& inputs) {
  const memory::PageSet from_bases = mappable(memory::ImageMap(based_runs(inputs)).pages());
  std::vector<PageRange> mapped;
  std::vector<PageRange> read;
  for (const format::StoredPageRun& region : inputs.stream_set) {
    const auto run = from_bases.run_of(region.guest.first);
    if (run && run->end() >= region.guest.end()) {
      mapped.push_back(*run);
    } else {
      read.push_back(region.guest);
    }
  }
  return memory::PageSet(std::move(mapped)).minus(memory::PageSet(std::move(read)));
}

// Where bases are in the page cache, their pages are mapped, and entered instead of read.
RestorePlan plan_stream(const PlanInputs& inputs) {
  check_nonzero(inputs);
  check_regions(inputs.stream_set, inputs.zero_runs, inputs, "the stream set");
  check_stream_blocks(inputs);
  InstallWhileRunning load{.reads = reads_of_stream_set(inputs),
                           .zero_pages = {inputs.zero_runs.begin(), inputs.zero_runs.end()}};
  memory::PageSet mapped;
  if (inputs.bases_cached) {
    mapped = pages_to_map(inputs);
    std::erase_if(load.reads, [&](const PlannedRead& read) {
      return mapped.contains(read.guest.first);  // then all of it
    });
    load.entries = entries_by_group(mapped, inputs.accesses);
  }
  RestorePlan plan = plan_handled(Setting::stream, inputs, {.load = std::move(load)});
  map_pages(plan, inputs, mapped);
  return plan;
}

}  // namespace

RestorePlan plan_restore(Setting setting, const PlanInputs& inputs) {
  check_memory(inputs);
  switch (setting) {
    case Setting::lazy:
      check_nonzero(inputs);
      return plan_images(setting, inputs, {});
    case Setting::cached:
      check_nonzero(inputs);
      return plan_images(setting, inputs, {.load = PreloadFile{}});
    case Setting::concurrent:
      return plan_concurrent(inputs);
    case Setting::per_region:
      return plan_per_region(inputs);
    case Setting::faasnap:
      return plan_faasnap(inputs);
    case Setting::reap:
      return plan_reap(inputs);
    case Setting::stream:
      return plan_stream(inputs);
  }
  base::fail(ErrorKind::invalid_argument, "plan restore", {},
             fmt::format("{} is not a setting", static_cast<int>(setting)));
}

RestorePlan plan_recording(const PlanInputs& inputs) {
  check_memory(inputs);
  check_nonzero(inputs);
  return plan_handled(Setting::lazy, inputs, {.record = AccessRecording::all});
}

}  // namespace faasnap::paging
