#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <faasnap/page_access.h>
#include <faasnap/units.h>

namespace faasnap::memory {

// The algebra of sets of pages. A set is a list of ranges that are sorted, not empty and do not
// overlap; the results have no adjacent ranges either. Pure.

// Adds `range`, which begins at or behind the beginning of the last one, to `ranges`.
void append_range(std::vector<PageRange>& ranges, PageRange range);

// The set of all pages in `ranges`, which may come in any order and overlap.
std::vector<PageRange> set_of(std::vector<PageRange> ranges);

// The pages that were touched.
std::vector<PageRange> set_of(std::span<const PageAccess> accesses);

std::vector<PageRange> union_of(std::span<const PageRange> left, std::span<const PageRange> right);
std::vector<PageRange> intersection_of(std::span<const PageRange> left,
                                       std::span<const PageRange> right);
// The pages of `left` that are not in `right`.
std::vector<PageRange> difference_of(std::span<const PageRange> left,
                                     std::span<const PageRange> right);

std::uint64_t count_pages(std::span<const PageRange> ranges) noexcept;

}  // namespace faasnap::memory
