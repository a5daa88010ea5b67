#include "paging/install_set_planner.h"

#include <algorithm>

#include "format/page_ranges.h"

namespace faasnap::paging {
namespace {

std::vector<PageRange> pages_of(std::span<const PageAccess> accesses) {
  std::vector<PageRange> pages;
  pages.reserve(accesses.size());
  for (const PageAccess& access : accesses) {
    pages.push_back({access.page, 1});
  }
  return format::set_of(std::move(pages));
}

}  // namespace

SplitGroup split_group(std::span<const PageRange> recorded, std::span<const PageRange> nonzero) {
  return {format::intersection_of(recorded, nonzero), format::difference_of(recorded, nonzero)};
}

std::vector<format::LoadingRegion> plan_reap_set(std::span<const PageAccess> accesses) {
  std::vector<format::LoadingRegion> regions;
  for (const PageAccess& access : accesses) {
    if (!regions.empty() && regions.back().guest.end() == access.page) {
      ++regions.back().guest.count;
    } else {
      regions.push_back({{access.page, 1}, 0});
    }
  }
  return regions;
}

StreamSet plan_stream_set(std::span<const PageAccess> accesses, std::span<const PageRange> nonzero,
                          std::uint64_t group_pages) {
  StreamSet set;
  for (std::uint32_t group = 0; !accesses.empty(); ++group) {
    const std::size_t count = std::min<std::uint64_t>(group_pages, accesses.size());
    const SplitGroup split = split_group(pages_of(accesses.first(count)), nonzero);
    for (const PageRange& run : split.data) {
      set.regions.push_back({run, group});
    }
    set.zero_runs.insert(set.zero_runs.end(), split.zero.begin(), split.zero.end());
    accesses = accesses.subspan(count);
  }
  return set;
}

}  // namespace faasnap::paging
