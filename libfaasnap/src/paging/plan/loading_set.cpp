// SPDX-License-Identifier: Apache-2.0

#include "paging/plan/loading_set.h"

#include <algorithm>
#include <cstdint>
#include <tuple>

#include "memory/page_set.h"

namespace faasnap::paging {
namespace {

struct RecordedRun {
  PageRange pages;
  std::uint32_t group = 0;
};

// All recorded runs, by address.
std::vector<RecordedRun> by_address(std::span<const PageGroup> groups) {
  std::vector<RecordedRun> runs;
  for (std::uint32_t group = 0; group < groups.size(); ++group) {
    for (const PageRange& pages : groups[group]) {
      runs.push_back({pages, group});
    }
  }
  std::sort(runs.begin(), runs.end(),
            [](const auto& a, const auto& b) { return a.pages.first < b.pages.first; });
  return runs;
}

// The recorded pages that are not zero, by address.
std::vector<RecordedRun> without_zero_pages(std::span<const RecordedRun> runs,
                                            const memory::PageSet& nonzero) {
  std::vector<RecordedRun> kept;
  for (const RecordedRun& run : runs) {
    nonzero.cut(run.pages, [&](PageRange part, bool inside) {
      if (inside) {
        kept.push_back({part, run.group});
      }
    });
  }
  return kept;
}

}  // namespace

std::vector<format::PageRun> plan_loading_set(std::span<const PageGroup> groups,
                                              std::span<const PageRange> nonzero,
                                              const LoadingSetThresholds& thresholds) {
  std::vector<format::PageRun> regions;
  std::uint64_t recorded = 0;  // pages of the last region that are not there for a gap's sake
  const auto drop_small = [&] {
    if (!regions.empty() && recorded < thresholds.minimum_pages) {
      regions.pop_back();
    }
  };
  for (const RecordedRun& run : without_zero_pages(by_address(groups), memory::PageSet(nonzero))) {
    const std::uint64_t gap = regions.empty() ? 0 : run.pages.first - regions.back().guest.end();
    if (!regions.empty() && (gap == 0 || gap < thresholds.merge_gap_pages)) {
      format::PageRun& last = regions.back();
      last.guest.count = run.pages.end() - last.guest.first;
      last.lowest_group = std::min(last.lowest_group, run.group);
      recorded += run.pages.count;
    } else {
      drop_small();
      regions.push_back({run.pages, run.group});
      recorded = run.pages.count;
    }
  }
  drop_small();
  std::sort(regions.begin(), regions.end(), [](const auto& a, const auto& b) {
    return std::tie(a.lowest_group, a.guest.first) < std::tie(b.lowest_group, b.guest.first);
  });
  return regions;
}

}  // namespace faasnap::paging
