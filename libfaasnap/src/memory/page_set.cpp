// SPDX-License-Identifier: Apache-2.0

#include "memory/page_set.h"

#include <utility>

namespace faasnap::memory {
namespace {

std::vector<PageRange> ranges_of(std::span<const PageAccess> accesses) {
  std::vector<PageRange> ranges;
  ranges.reserve(accesses.size());
  for (const PageAccess& access : accesses) {
    ranges.push_back({access.page, 1});
  }
  return ranges;
}

// True if `ranges` are as the runs of a set are.
bool are_runs(std::span<const PageRange> ranges) {
  PageIndex after{0};  // the first page at which the next run may begin
  for (const PageRange& range : ranges) {
    if (range.count == 0 || range.first < after) {
      return false;
    }
    after = range.end() + 1;
  }
  return true;
}

}  // namespace

PageSet::PageSet(std::vector<PageRange> ranges) : runs_(std::move(ranges)) {
  if (are_runs(runs_)) {
    return;
  }
  std::vector<PageRange> sorted = std::exchange(runs_, {});
  std::ranges::sort(sorted);
  for (const PageRange& range : sorted) {
    append(range);
  }
}

PageSet::PageSet(std::span<const PageRange> ranges)
    : PageSet(std::vector<PageRange>(ranges.begin(), ranges.end())) {}

PageSet::PageSet(std::span<const PageAccess> accesses) : PageSet(ranges_of(accesses)) {}

void PageSet::append(PageRange range) {
  if (range.count == 0) {
    return;
  }
  if (!runs_.empty() && runs_.back().end() >= range.first) {
    PageRange& last = runs_.back();
    last.count = std::max(last.end(), range.end()) - last.first;
  } else {
    runs_.push_back(range);
  }
}

std::uint64_t PageSet::pages() const noexcept { return count_pages(runs_); }

std::vector<PageRange>::const_iterator PageSet::first_ending_after(PageIndex page) const noexcept {
  return std::ranges::partition_point(runs_,
                                      [page](const PageRange& run) { return run.end() <= page; });
}

std::optional<PageRange> PageSet::run_of(PageIndex page) const noexcept {
  const auto run = first_ending_after(page);
  if (run == runs_.end() || page < run->first) {
    return std::nullopt;
  }
  return *run;
}

PageSet PageSet::unite(const PageSet& other) const {
  PageSet all;
  auto left = runs_.begin();
  auto right = other.runs_.begin();
  while (left != runs_.end() || right != other.runs_.end()) {
    const bool from_left =
        right == other.runs_.end() || (left != runs_.end() && left->first <= right->first);
    all.append(from_left ? *left++ : *right++);
  }
  return all;
}

PageSet PageSet::intersect(const PageSet& other) const {
  PageSet both;
  if (runs_.empty()) {
    return both;
  }
  auto next = other.first_ending_after(runs_.front().first);
  for (const PageRange& run : runs_) {
    while (next != other.runs_.end() && next->end() <= run.first) {
      ++next;
    }
    for (auto with = next; with != other.runs_.end() && with->first < run.end(); ++with) {
      const PageIndex first = std::max(run.first, with->first);
      both.append({first, std::min(run.end(), with->end()) - first});
    }
  }
  return both;
}

PageSet PageSet::minus(const PageSet& other) const {
  PageSet rest;
  if (runs_.empty()) {
    return rest;
  }
  auto next = other.first_ending_after(runs_.front().first);
  for (const PageRange& run : runs_) {
    while (next != other.runs_.end() && next->end() <= run.first) {
      ++next;
    }
    PageIndex first = run.first;
    for (auto with = next; with != other.runs_.end() && with->first < run.end(); ++with) {
      if (with->first > first) {
        rest.append({first, with->first - first});
      }
      first = std::max(first, with->end());
    }
    if (first < run.end()) {
      rest.append({first, run.end() - first});
    }
  }
  return rest;
}

std::uint64_t count_pages(std::span<const PageRange> ranges) noexcept {
  std::uint64_t pages = 0;
  for (const PageRange& range : ranges) {
    pages += range.count;
  }
  return pages;
}

}  // namespace faasnap::memory
