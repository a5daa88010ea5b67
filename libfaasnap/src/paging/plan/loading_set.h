// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <span>
#include <vector>

#include <faasnap/page_access.h>
#include <faasnap/restore_plan.h>

#include "format/page_set_file.h"

namespace faasnap::paging {

// Chooses the regions of the loading set (FaaSnap, sections 4.6 and 4.7): pages that were recorded
// and are not zero; regions that touch or are less than `merge_gap_pages` apart are merged, with
// the pages between them; regions of fewer than `minimum_pages` recorded non-zero pages are left
// out; the rest is sorted by (group, address), where a region's group is the lowest of its pages'.
//
// `groups`: of a WorkingSet. `nonzero`: of the image that is served from; sorted, disjoint. Pure.
std::vector<format::PageRun> plan_loading_set(std::span<const PageGroup> groups,
                                              std::span<const PageRange> nonzero,
                                              const LoadingSetThresholds& thresholds);

}  // namespace faasnap::paging
