// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "paging/plan/planner.h"

namespace faasnap::paging {

// Checks of what a plan is made from. Each throws ErrorKind::invalid_argument and names the first
// defect.

// Guest memory is a whole number of pages.
void check_memory(const PlanInputs& inputs);
// The non-zero map is sorted, disjoint and inside guest memory, and the layers show each page of it
// once, and no other.
void check_nonzero(const PlanInputs& inputs);
// Every group is sorted and inside guest memory, and no page is in two.
void check_recorded(const PlanInputs& inputs);
// Regions and zero runs lie inside guest memory and are disjoint, and no zero run has a page of the
// non-zero map, which must have been checked.
void check_regions(std::span<const format::StoredPageRun> regions,
                   std::span<const PageRange> zero_runs, const PlanInputs& inputs,
                   std::string_view name);
// The stream set has as many blocks as its pages need, none if it is not compressed.
void check_stream_blocks(const PlanInputs& inputs);

// Returns the number of pages with data in the stream set.
std::uint64_t stream_set_pages(const PlanInputs& inputs);
// Returns where the regions are in guest memory, sorted by address.
std::vector<PageRange> guest_ranges(std::span<const format::StoredPageRun> regions);

}  // namespace faasnap::paging
