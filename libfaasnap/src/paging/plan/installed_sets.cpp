// SPDX-License-Identifier: Apache-2.0

#include "paging/plan/installed_sets.h"

#include <algorithm>

#include "memory/page_set.h"
#include "paging/plan/plan_inputs.h"

namespace faasnap::paging {
namespace {

// By group: the untouched pages in short gaps between touched ones.
std::vector<std::vector<PageRange>> pages_in_gaps(std::span<const PageAccess> accesses,
                                                  std::uint64_t group_pages,
                                                  std::uint64_t gap_pages) {
  struct Touched {
    PageIndex page;
    std::size_t group;
  };
  std::vector<Touched> touched;
  touched.reserve(accesses.size());
  for (const PageAccess& access : accesses) {
    touched.push_back({access.page, touched.size() / group_pages});
  }
  std::ranges::sort(touched, {}, &Touched::page);
  std::vector<std::vector<PageRange>> gaps(accesses.size() / group_pages + 1);
  for (std::size_t i = 1; i < touched.size(); ++i) {
    const auto [before, group] = touched[i - 1];
    const std::uint64_t between = touched[i].page - before - 1;
    if (between != 0 && between <= gap_pages) {
      gaps[std::min(group, touched[i].group)].push_back({before + 1, between});
    }
  }
  return gaps;
}

}  // namespace

std::vector<PageRange> zero_runs_outside(std::span<const format::StoredPageRun> regions,
                                         std::span<const PageRange> zero_runs) {
  const memory::PageSet taken(guest_ranges(regions));
  std::vector<PageRange> outside;
  for (const PageRange& run : zero_runs) {
    taken.cut(run, [&](PageRange part, bool inside) {
      if (!inside) {
        outside.push_back(part);
      }
    });
  }
  return outside;
}

std::vector<PlannedEntry> entries_inside(const memory::PageSet& pages,
                                         std::span<const PageAccess> accesses,
                                         std::uint64_t gap_pages) {
  std::vector<PageAccess> touched(accesses.begin(), accesses.end());
  std::ranges::sort(touched, {}, &PageAccess::page);
  std::vector<PlannedEntry> entries;
  for (const PageAccess& access : touched) {
    const auto run = pages.run_of(access.page);
    if (!run) {
      continue;
    }
    PlannedEntry* const last = entries.empty() ? nullptr : &entries.back();
    if (last != nullptr && last->copied == access.write && last->guest.end() > run->first &&
        access.page - last->guest.end() <= (access.write ? 0 : gap_pages)) {
      last->guest.count = access.page + 1 - last->guest.first;
    } else {
      entries.push_back({{access.page, 1}, access.write});
    }
  }
  return entries;
}

memory::PageSet mappable(const memory::PageSet& based) {
  memory::PageSet long_runs;
  for (const PageRange& run : based.runs()) {
    if (run.count >= kMappableRunPages) {
      long_runs.append(run);
    }
  }
  return long_runs;
}

std::vector<PlannedEntry> entries_by_group(const memory::PageSet& pages,
                                           std::span<const PageAccess> accesses) {
  std::vector<PlannedEntry> entries;
  while (!accesses.empty()) {
    const std::size_t count = std::min<std::uint64_t>(kStreamGroupPages, accesses.size());
    const auto group = entries_inside(pages, accesses.first(count), kEnteredGapPages);
    entries.insert(entries.end(), group.begin(), group.end());
    accesses = accesses.subspan(count);
  }
  return entries;
}

std::vector<format::PageRun> plan_reap_set(std::span<const PageAccess> accesses) {
  std::vector<format::PageRun> regions;
  for (const PageAccess& access : accesses) {
    if (access.missed) {
      continue;
    }
    if (!regions.empty() && regions.back().guest.end() == access.page) {
      ++regions.back().guest.count;
    } else {
      regions.push_back({{access.page, 1}, 0});
    }
  }
  return regions;
}

StreamSet plan_stream_set(std::span<const PageAccess> accesses, std::span<const PageRange> nonzero,
                          std::uint64_t group_pages, std::uint64_t gap_pages,
                          const memory::PageSet& mappable) {
  StreamSet set;
  const memory::PageSet data(nonzero);
  const auto gaps = pages_in_gaps(accesses, group_pages, gap_pages);
  for (std::uint32_t group = 0; !accesses.empty(); ++group) {
    const std::size_t count = std::min<std::uint64_t>(group_pages, accesses.size());
    const memory::PageSet touched(accesses.first(count));
    const memory::PageSet between(gaps[group]);
    const memory::PageSet loaded = touched.unite(between).intersect(data);
    for (const auto& part : {loaded.minus(mappable), loaded.intersect(mappable)}) {
      for (const PageRange& run : part.runs()) {
        set.regions.push_back({run, group});
      }
    }
    const auto zeros = touched.minus(data).runs();
    set.zero_runs.insert(set.zero_runs.end(), zeros.begin(), zeros.end());
    accesses = accesses.subspan(count);
  }
  return set;
}

}  // namespace faasnap::paging
