// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <span>

#include <faasnap/restore_plan.h>
#include <faasnap/units.h>

#include "paging/snapshot_files.h"

namespace faasnap::paging {

// Brings `pages` of the file, sorted and disjoint, into the page cache, holes included, and returns
// how many bytes were not there before. Quick when everything is resident.
//
// Holes count because a guest that touches one takes a major fault just the same: without them
// `cached` would not be the bound that the paper means by it. The price is page cache of the size
// of guest memory.
Bytes preload(const FileRef& file, std::span<const PageRange> pages);

// Does so with all that the plan maps from memory files.
Bytes preload(const RestorePlan& plan, const SnapshotFiles& files);

}  // namespace faasnap::paging
