// SPDX-License-Identifier: Apache-2.0

#include "paging/plan/watched_pages.h"

#include <algorithm>
#include <utility>

namespace faasnap::paging {
namespace {

memory::PageSet pages_read(const RestorePlan& plan) {
  std::vector<PageRange> pages;
  pages.reserve(plan.reads().size());
  for (const PlannedRead& read : plan.reads()) {
    pages.push_back(read.guest);
  }
  return memory::PageSet(std::move(pages));
}

// What the kernel answers for, from files.
memory::PageSet pages_mapped(const RestorePlan& plan) {
  std::vector<PageRange> pages;
  for (const PlannedMapping& mapping : plan.mappings) {
    if (mapping.backing != Backing::anonymous) {
      pages.push_back(mapping.guest);
    }
  }
  return memory::PageSet(std::move(pages));
}

// Joins runs with short gaps between them.
memory::PageSet without_short_gaps(const memory::PageSet& pages) {
  std::vector<PageRange> joined;
  for (const PageRange& run : pages.runs()) {
    if (!joined.empty() && run.first - joined.back().end() < kUnwatchedGap) {
      joined.back().count = run.end() - joined.back().first;
    } else {
      joined.push_back(run);
    }
  }
  return memory::PageSet(std::move(joined));
}

}  // namespace

HandledPages handled_pages(const RestorePlan& plan, Bytes memory) {
  HandledPages pages;
  pages.nonzero = memory::PageSet(plan.handled()->nonzero);
  pages.based = memory::ImageMap(plan.handled()->based);
  pages.singly = plan.handled()->record == AccessRecording::all ||
                 plan.load_if<InstallBeforeStart>() != nullptr;
  if (pages.singly) {
    pages.watched = memory::PageSet({{{0}, memory.pages()}});
    return pages;
  }
  const memory::PageSet mapped = pages_mapped(plan);
  const memory::PageSet with_content = pages.nonzero.unite(pages_read(plan)).minus(mapped);
  pages.watched = without_short_gaps(with_content).minus(mapped);
  pages.unforeseen_zeros =
      pages.watched.minus(with_content).minus(memory::PageSet(plan.zero_pages()));
  return pages;
}

std::vector<ZeroStretch> cut_zeros(std::span<const PageRange> zeros, const memory::PageSet& watched,
                                   std::uint64_t longest) {
  std::vector<ZeroStretch> stretches;
  for (const PageRange& run : zeros) {
    watched.cut(run, [&](PageRange rest, bool inside) {
      while (rest.count != 0) {
        const std::uint64_t count = std::min(rest.count, longest);
        stretches.push_back({{rest.first, count}, inside});
        rest = {rest.first + count, rest.count - count};
      }
    });
  }
  return stretches;
}

}  // namespace faasnap::paging
