#include "paging/plan/watched_pages.h"

#include <algorithm>

#include "memory/page_set.h"

namespace faasnap::paging {
namespace {

std::vector<PageRange> pages_read(const RestorePlan& plan) {
  std::vector<PageRange> pages;
  pages.reserve(plan.reads().size());
  for (const PlannedRead& read : plan.reads()) {
    pages.push_back(read.guest);
  }
  std::sort(pages.begin(), pages.end());
  return pages;
}

}  // namespace

bool answers_singly(const RestorePlan& plan) {
  return plan.handled()->record || plan.load_if<InstallBeforeStart>() != nullptr;
}

std::vector<PageRange> watched_pages(const RestorePlan& plan, Bytes memory) {
  if (answers_singly(plan)) {
    return {{{0}, memory.pages()}};
  }
  std::vector<PageRange> watched;
  for (const PageRange& run : memory::union_of(plan.handled()->nonzero, pages_read(plan))) {
    if (!watched.empty() && run.first - watched.back().end() < kUnwatchedGap) {
      watched.back().count = run.end() - watched.back().first;
    } else {
      watched.push_back(run);
    }
  }
  return watched;
}

std::vector<PageRange> unforeseen_zeros(const RestorePlan& plan,
                                        std::span<const PageRange> watched) {
  if (answers_singly(plan)) {
    return {};
  }
  std::vector<PageRange> installed = pages_read(plan);
  installed.insert(installed.end(), plan.zero_pages().begin(), plan.zero_pages().end());
  const auto foreseen =
      memory::union_of(plan.handled()->nonzero, memory::set_of(std::move(installed)));
  return memory::difference_of(watched, foreseen);
}

std::vector<ZeroStretch> cut_zeros(std::span<const PageRange> zeros,
                                   std::span<const PageRange> watched, std::uint64_t longest) {
  std::vector<ZeroStretch> stretches;
  for (PageRange rest : zeros) {
    auto run = std::partition_point(watched.begin(), watched.end(), [&](const PageRange& pages) {
      return pages.end() <= rest.first;
    });
    while (rest.count != 0) {
      const bool inside = run != watched.end() && run->first <= rest.first;
      std::uint64_t count = std::min(rest.count, longest);
      if (run != watched.end()) {
        count = std::min(count, (inside ? run->end() : run->first) - rest.first);
      }
      stretches.push_back({{rest.first, count}, inside});
      rest = {rest.first + count, rest.count - count};
      if (run != watched.end() && run->end() <= rest.first) {
        ++run;
      }
    }
  }
  return stretches;
}

}  // namespace faasnap::paging
