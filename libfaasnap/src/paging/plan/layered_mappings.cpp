// SPDX-License-Identifier: Apache-2.0

#include "paging/plan/layered_mappings.h"

#include "memory/page_set.h"
#include "paging/plan/plan_inputs.h"

namespace faasnap::paging {
namespace {

// Maps the memory file where non-zero pages lie outside the loading set. Loading-set regions are
// mapped over it later, so it may run through below them: a run of pages that are each non-zero or
// in the loading set needs one mapping of the memory file, however many regions lie in it, and
// fewer are impossible, since between two such runs there is a page that must stay anonymous. The
// mapping is from the run's first page outside the loading set to its last.
void map_memory_file(RestorePlan& plan, const memory::PageSet& nonzero,
                     const memory::PageSet& loading) {
  for (const PageRange& run : nonzero.unite(loading).runs()) {
    PageRange mapped{};
    loading.cut(run, [&](PageRange part, bool inside) {
      if (!inside) {
        mapped.first = mapped.count == 0 ? part.first : mapped.first;
        mapped.count = part.end() - mapped.first;
      }
    });
    if (mapped.count != 0) {
      plan.mappings.push_back({mapped, Backing::memory_file, mapped.first.offset()});
    }
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
  map_memory_file(plan, memory::PageSet(nonzero), memory::PageSet(guest_ranges(loading_set)));
  map_loading_set(plan, loading_set);
}

}  // namespace faasnap::paging
