// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <span>
#include <vector>

#include <faasnap/restore_plan.h>

#include "format/page_set_file.h"
#include "paging/plan/planner.h"

namespace faasnap::paging {

// As few mappings as give every page its backing. The inputs have passed the checks of
// plan_inputs.h.

// Maps the memory files over all of guest memory, by address.
void map_images(RestorePlan& plan, const PlanInputs& inputs);

// Lays mappings over the anonymous base that `plan` begins with (FaaSnap, section 4.5): the memory
// files over the pages with data, by address, then the loading-set file over its regions.
void map_layers(RestorePlan& plan, const PlanInputs& inputs,
                std::span<const format::StoredPageRun> loading_set);

// Maps the memory files over `pages` of a layered image, by address, and over no other page.
void map_pages(RestorePlan& plan, const PlanInputs& inputs, const memory::PageSet& pages);

// Returns what reads the pages of `runs` that the plan maps memory files over, in their order, and
// by address within a run.
std::vector<PlannedRead> reads_of_images(const RestorePlan& plan, std::span<const PageRange> runs);

}  // namespace faasnap::paging
