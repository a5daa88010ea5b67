#include "paging/planner.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "base/error.h"
#include "format/page_scan.h"

namespace faasnap::paging {
namespace {

[[noreturn]] void reject(const std::string& reason) {
  base::fail(ErrorKind::invalid_argument, "plan restore", {}, reason);
}

// Checks that `ranges` are sorted by address, disjoint and inside `memory`.
void check_ranges(std::span<const PageRange> ranges, Bytes memory, std::string_view name) {
  const std::uint64_t pages = memory.pages();
  std::uint64_t end = 0;
  for (const PageRange& range : ranges) {
    if (range.count == 0 || range.first.value > pages || range.count > pages - range.first.value) {
      reject(fmt::format("{} has {} pages from page {}, expected 1 or more inside {} pages", name,
                         range.count, range.first.value, pages));
    }
    if (range.first.value < end) {
      reject(fmt::format("{} has page {} twice or out of order", name, range.first.value));
    }
    end = range.end().value;
  }
}

std::vector<PageRange> guest_ranges(std::span<const format::LoadingSetRegion> loading_set) {
  std::vector<PageRange> ranges;
  ranges.reserve(loading_set.size());
  for (const auto& region : loading_set) {
    ranges.push_back(region.guest);
  }
  std::sort(ranges.begin(), ranges.end());
  return ranges;
}

// The pages of `run` from the first to the last that lies outside `regions`, which are sorted and
// inside `run`; nothing when they cover it.
std::optional<PageRange> uncovered_part(PageRange run, std::span<const PageRange> regions) {
  PageIndex first = run.first;
  PageIndex end = run.end();
  for (auto region = regions.begin(); region != regions.end() && region->first == first; ++region) {
    first = region->end();
  }
  for (auto region = regions.rbegin();
       region != regions.rend() && first < end && region->end() == end; ++region) {
    end = region->first;
  }
  if (first >= end) {
    return std::nullopt;
  }
  return PageRange{first, end - first};
}

// Maps the memory file where non-zero pages lie outside the loading set. Loading-set regions are
// mapped over it later, so it may run through below them: a run of pages that are each non-zero or
// in the loading set needs one mapping of the memory file, however many regions lie in it, and
// fewer are impossible, since between two such runs there is a page that must stay anonymous.
void map_memory_file(RestorePlan& plan, std::span<const PageRange> nonzero,
                     std::span<const PageRange> loading) {
  for (const PageRange& run : format::union_of(nonzero, loading)) {
    const auto beyond = std::find_if(loading.begin(), loading.end(), [&](const PageRange& region) {
      return region.first >= run.end();
    });
    const auto inside = static_cast<std::size_t>(beyond - loading.begin());
    if (const auto part = uncovered_part(run, loading.first(inside))) {
      plan.mappings.push_back({*part, Backing::memory_file, part->first.offset()});
    }
    loading = loading.subspan(inside);
  }
}

void map_loading_set(RestorePlan& plan, std::span<const format::LoadingSetRegion> loading_set) {
  bool first = true;
  for (const auto& region : loading_set) {
    PlannedMapping& last = plan.mappings.back();
    if (!first && last.guest.end() == region.guest.first &&
        last.file_offset + last.guest.size() == region.file_offset) {
      last.guest.count += region.guest.count;
    } else {
      plan.mappings.push_back({region.guest, Backing::loading_set, region.file_offset});
    }
    first = false;
  }
}

PageRange whole(Bytes memory) { return {PageIndex{0}, memory.pages()}; }

RestorePlan plan_memory_file(Setting setting, const PlanInputs& inputs) {
  RestorePlan plan;
  plan.setting = setting;
  plan.mappings.push_back({whole(inputs.memory), Backing::memory_file, {}});
  plan.preload_memory_file = setting == Setting::cached;
  return plan;
}

RestorePlan plan_faasnap(const PlanInputs& inputs) {
  const auto loading = guest_ranges(inputs.loading_set);
  check_ranges(inputs.nonzero, inputs.memory, "the non-zero map");
  check_ranges(loading, inputs.memory, "the loading set");
  RestorePlan plan;
  plan.setting = Setting::faasnap;
  plan.single_page_faults = true;
  plan.mappings.push_back({whole(inputs.memory), Backing::anonymous, {}});
  map_memory_file(plan, inputs.nonzero, loading);
  map_loading_set(plan, inputs.loading_set);
  for (const auto& region : inputs.loading_set) {
    plan.reads.push_back({Backing::loading_set, region.file_offset, region.guest});
  }
  return plan;
}

}  // namespace

RestorePlan plan_restore(Setting setting, const PlanInputs& inputs) {
  if (inputs.memory.value == 0 || inputs.memory.value % kPageSize != 0) {
    reject(fmt::format("guest memory has {} bytes, expected a multiple of {}", inputs.memory.value,
                       kPageSize));
  }
  switch (setting) {
    case Setting::lazy:
    case Setting::cached:
      return plan_memory_file(setting, inputs);
    case Setting::faasnap:
      return plan_faasnap(inputs);
    default:
      break;
  }
  reject("the settings warm and boot restore nothing");
}

}  // namespace faasnap::paging
