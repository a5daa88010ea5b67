// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <faasnap/page_access.h>
#include <faasnap/restore_plan.h>
#include <faasnap/units.h>

#include "format/page_set_file.h"
#include "memory/page_set.h"

namespace faasnap::paging {

// The sets whose pages are copied into guest memory, and not mapped from a file: nearly exact,
// since every page costs its copy. Pure.

// Returns the parts of `zero_runs`, in their order, that are outside `regions`: a page that a
// region brings along in a merged gap is there already.
std::vector<PageRange> zero_runs_outside(std::span<const format::StoredPageRun> regions,
                                         std::span<const PageRange> zero_runs);

// Returns the touched pages that are in `pages`, by address; those that were written are copied.
// Pages in gaps of at most `gap_pages` between others come along, if they are in `pages`, too.
std::vector<PlannedEntry> entries_inside(const memory::PageSet& pages,
                                         std::span<const PageAccess> accesses,
                                         std::uint64_t gap_pages = 0);

// Returns the REAP set: every page that was touched, zero or not, in the order of first touches,
// but no page that only stream missed. A page that follows the one touched before it in guest
// memory goes into its region.
std::vector<format::PageRun> plan_reap_set(std::span<const PageAccess> accesses);

// Touches that make a group of the stream set. Within a group the order of addresses counts, since
// runs of pages are cheaper to install than single ones; the order of the groups is that of use.
inline constexpr std::uint64_t kStreamGroupPages = 1024;

// Longest gap between touched pages whose pages with data are loaded with them, in pages. Another
// input touches other pages, many of them among those of this one, and a miss costs a hundred times
// what a copy does.
inline constexpr std::uint64_t kStreamGapPages = 1;

// Shortest run of pages of bases, in pages, that stream maps: a page that is entered from the page
// cache is neither read nor copied (1 us), but a mapping takes 4 us and a memory area of the
// process.
inline constexpr std::uint64_t kMappableRunPages = 16;

// Returns the pages in runs of at least kMappableRunPages of `based`, the pages that bases have.
memory::PageSet mappable(const memory::PageSet& based);

// Longest gap between entered pages that is entered with them: to enter a page that nobody touches
// costs a tenth of a request to the kernel.
inline constexpr std::uint64_t kEnteredGapPages = 8;

// As entries_inside with gaps of kEnteredGapPages, by (group, address).
std::vector<PlannedEntry> entries_by_group(const memory::PageSet& pages,
                                           std::span<const PageAccess> accesses);

// The pages that were touched, and those in gaps of at most `gap_pages` between them that are not
// zero, by (group, address): regions of those that are not zero in the image, and runs of those
// that are. A page of a gap belongs to the earlier group of those at its ends. In each group the
// regions of pages that are `mappable` come last, so that the others can be read without them.
struct StreamSet {
  std::vector<format::PageRun> regions;
  std::vector<PageRange> zero_runs;
};
StreamSet plan_stream_set(std::span<const PageAccess> accesses, std::span<const PageRange> nonzero,
                          std::uint64_t group_pages = kStreamGroupPages,
                          std::uint64_t gap_pages = kStreamGapPages,
                          const memory::PageSet& mappable = {});

}  // namespace faasnap::paging
