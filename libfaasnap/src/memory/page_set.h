// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <faasnap/page_access.h>
#include <faasnap/units.h>

namespace faasnap::memory {

// A set of pages, kept as runs: sorted, not empty, and with at least one page between each two. A
// value. A lookup is a binary search and allocates nothing.
class PageSet {
 public:
  PageSet() = default;
  // The pages in any of `ranges`, which may be empty, overlap, and come in any order.
  explicit PageSet(std::vector<PageRange> ranges);
  explicit PageSet(std::span<const PageRange> ranges);
  // The pages that were touched.
  explicit PageSet(std::span<const PageAccess> accesses);

  // Adds `range`, which must not begin before the last run does.
  void append(PageRange range);

  bool empty() const noexcept { return runs_.empty(); }
  std::uint64_t pages() const noexcept;
  const std::vector<PageRange>& runs() const& noexcept { return runs_; }
  std::vector<PageRange> runs() && noexcept { return std::move(runs_); }

  bool contains(PageIndex page) const noexcept { return run_of(page).has_value(); }
  // Returns the run that `page` is in; nothing if it is not in the set.
  std::optional<PageRange> run_of(PageIndex page) const noexcept;

  PageSet unite(const PageSet& other) const;
  PageSet intersect(const PageSet& other) const;
  // Returns the pages that are not in `other`.
  PageSet minus(const PageSet& other) const;

  // Cuts `range` where runs of the set begin and end, and calls `use(run, inside)` for each part,
  // in order: `inside` is true if the part is in the set, false if no page of it is.
  template <typename Use>
  void cut(PageRange range, Use use) const {
    auto run = first_ending_after(range.first);
    for (PageIndex page = range.first; page < range.end();) {
      const bool inside = run != runs_.end() && run->first <= page;
      PageIndex end = range.end();
      if (run != runs_.end()) {
        end = std::min(end, inside ? run->end() : run->first);
      }
      use(PageRange{page, end - page}, inside);
      page = end;
      run += inside ? 1 : 0;
    }
  }

  bool operator==(const PageSet& other) const = default;

 private:
  std::vector<PageRange>::const_iterator first_ending_after(PageIndex page) const noexcept;

  std::vector<PageRange> runs_;
};

// Returns the sum of the ranges' lengths.
std::uint64_t count_pages(std::span<const PageRange> ranges) noexcept;

}  // namespace faasnap::memory
