// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <span>

#include <faasnap/restore_plan.h>

#include "format/page_set_file.h"

namespace faasnap::paging {

// Lays mappings over the anonymous base that `plan` begins with (FaaSnap, section 4.5): the memory
// file over the pages in `nonzero`, the loading-set file over its regions. As few mappings as give
// every page its backing. Both inputs have passed the checks of plan_inputs.h.
void map_layers(RestorePlan& plan, std::span<const PageRange> nonzero,
                std::span<const format::StoredPageRun> loading_set);

}  // namespace faasnap::paging
