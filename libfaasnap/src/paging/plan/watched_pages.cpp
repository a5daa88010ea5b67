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

}  // namespace

bool answers_singly(const RestorePlan& plan) {
  return plan.handled()->record || plan.load_if<InstallBeforeStart>() != nullptr;
}

memory::PageSet watched_pages(const RestorePlan& plan, Bytes memory) {
  if (answers_singly(plan)) {
    return memory::PageSet({{{0}, memory.pages()}});
  }
  std::vector<PageRange> watched;
  const memory::PageSet nonzero(plan.handled()->nonzero);
  for (const PageRange& run : nonzero.unite(pages_read(plan)).runs()) {
    if (!watched.empty() && run.first - watched.back().end() < kUnwatchedGap) {
      watched.back().count = run.end() - watched.back().first;
    } else {
      watched.push_back(run);
    }
  }
  return memory::PageSet(std::move(watched));
}

memory::PageSet unforeseen_zeros(const RestorePlan& plan, const memory::PageSet& watched) {
  if (answers_singly(plan)) {
    return {};
  }
  const memory::PageSet nonzero(plan.handled()->nonzero);
  return watched.minus(nonzero).minus(pages_read(plan)).minus(memory::PageSet(plan.zero_pages()));
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
