#pragma once

#include <span>

#include <faasnap/restore_options.h>
#include <faasnap/units.h>

#include "format/loading_set_file.h"

namespace faasnap::paging {

// What a plan is made from. Nothing is kept.
struct PlanInputs {
  // Size of guest memory, and of the memory file.
  Bytes memory;
  // Runs of pages of the memory file that are not all zero: sorted, disjoint.
  std::span<const PageRange> nonzero;
  // In the order of the loading-set file, which is the order of loading; disjoint in guest memory.
  // May be empty.
  std::span<const format::LoadingSetRegion> loading_set;
};

// Turns a setting into mappings and reads: the one place that knows what a setting means. Pure.
//
// lazy, cached: the memory file over all of guest memory.
// faasnap (FaaSnap, sections 4.5 to 4.7): anonymous memory below, the memory file over the non-zero
// pages, the loading-set file over its regions, in as few mappings as give every page its backing;
// one read for each region of the loading set, in file order.
//
// Whether a loading set that `faasnap` needs exists is the caller's to check: without one its plan
// has no reads.
//
// Throws ErrorKind::invalid_argument for a setting that restores nothing (warm, boot), and for
// inputs that are unsorted, overlap or leave guest memory.
RestorePlan plan_restore(Setting setting, const PlanInputs& inputs);

}  // namespace faasnap::paging
