#include "paging/plan/layered_mappings.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "memory/page_set.h"
#include "paging/plan/plan_inputs.h"

namespace faasnap::paging {
namespace {

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
  for (const PageRange& run : memory::union_of(nonzero, loading)) {
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

void map_loading_set(RestorePlan& plan, std::span<const format::StoredPageRun> loading_set) {
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

}  // namespace

void map_layers(RestorePlan& plan, std::span<const PageRange> nonzero,
                std::span<const format::StoredPageRun> loading_set) {
  map_memory_file(plan, nonzero, guest_ranges(loading_set));
  map_loading_set(plan, loading_set);
}

}  // namespace faasnap::paging
