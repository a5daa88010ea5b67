#include "memory/page_set.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace faasnap::memory {
namespace {

// Where in `ranges` the first range lies that ends behind `page`.
auto first_behind(std::span<const PageRange> ranges, PageIndex page) {
  return std::ranges::partition_point(
      ranges, [page](const PageRange& range) { return range.end() <= page; });
}

}  // namespace

void append_range(std::vector<PageRange>& ranges, PageRange range) {
  if (!ranges.empty() && ranges.back().end() >= range.first) {
    PageRange& last = ranges.back();
    last.count = std::max(last.end(), range.end()) - last.first;
  } else {
    ranges.push_back(range);
  }
}

std::vector<PageRange> set_of(std::vector<PageRange> ranges) {
  std::ranges::sort(ranges);
  std::vector<PageRange> merged;
  for (const PageRange& range : ranges) {
    if (range.count != 0) {
      append_range(merged, range);
    }
  }
  return merged;
}

std::vector<PageRange> set_of(std::span<const PageAccess> accesses) {
  std::vector<PageRange> pages;
  pages.reserve(accesses.size());
  for (const PageAccess& access : accesses) {
    pages.push_back({access.page, 1});
  }
  return set_of(std::move(pages));
}

std::vector<PageRange> union_of(std::span<const PageRange> left, std::span<const PageRange> right) {
  std::vector<PageRange> all(left.begin(), left.end());
  all.insert(all.end(), right.begin(), right.end());
  return set_of(std::move(all));
}

std::vector<PageRange> intersection_of(std::span<const PageRange> left,
                                       std::span<const PageRange> right) {
  std::vector<PageRange> both;
  if (left.empty()) {
    return both;
  }
  auto next = first_behind(right, left.front().first);
  for (const PageRange& range : left) {
    while (next != right.end() && next->end() <= range.first) {
      ++next;
    }
    for (auto other = next; other != right.end() && other->first < range.end(); ++other) {
      const PageIndex first = std::max(range.first, other->first);
      append_range(both, {first, std::min(range.end(), other->end()) - first});
    }
  }
  return both;
}

std::vector<PageRange> difference_of(std::span<const PageRange> left,
                                     std::span<const PageRange> right) {
  std::vector<PageRange> rest;
  if (left.empty()) {
    return rest;
  }
  auto next = first_behind(right, left.front().first);
  for (const PageRange& range : left) {
    while (next != right.end() && next->end() <= range.first) {
      ++next;
    }
    PageIndex first = range.first;
    for (auto other = next; other != right.end() && other->first < range.end(); ++other) {
      if (other->first > first) {
        append_range(rest, {first, other->first - first});
      }
      first = std::max(first, other->end());
    }
    if (first < range.end()) {
      append_range(rest, {first, range.end() - first});
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
