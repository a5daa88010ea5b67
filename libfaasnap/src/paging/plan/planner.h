// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <span>

#include <faasnap/page_access.h>
#include <faasnap/restore_plan.h>
#include <faasnap/units.h>

#include "format/page_set_file.h"
#include "memory/page_set.h"

namespace faasnap::paging {

// What one layer of a snapshot has.
struct ImageLayer {
  // The pages of the image whose content is this layer's.
  memory::PageSet shown{};
  // The pages that its memory file has data for, those hidden by later layers included. All others
  // are zero there.
  memory::PageSet stored{};
};

// What a plan is made from. The plan refers to none of it; a setting looks only at what it needs.
struct PlanInputs {
  // Size of guest memory, and of the memory file.
  Bytes memory{};
  // The pages of the image that are not all zero, in runs: sorted, disjoint.
  std::span<const PageRange> nonzero{};
  // Which layer has them: the snapshot itself, then its bases. If empty, the snapshot itself has
  // them all.
  std::span<const ImageLayer> layers{};
  // The recording, in the order of loading.
  std::span<const PageGroup> recorded{};
  // The regions of the loading-set, reap-set and stream-set file, in the file's order, which is the
  // order of loading; disjoint in guest memory.
  std::span<const format::StoredPageRun> loading_set{};
  std::span<const format::StoredPageRun> reap_set{};
  std::span<const format::StoredPageRun> stream_set{};
  // The blocks of the stream-set file, and their pages; none, and 0, if it is not compressed.
  std::span<const format::StoredBlock> stream_blocks{};
  std::uint64_t stream_block_pages = 0;
  // The zero runs of the stream-set file: pages that were touched, are zero in the image, and are
  // in no region.
  std::span<const PageRange> zero_runs{};
  // The first touches of the recorded invocation, if they are known.
  std::span<const PageAccess> accesses{};
  // True if memory is made ahead of a request (VM::prepare).
  bool prepared = false;
  // True if the pages of the stream set that are a base's are in the page cache.
  bool bases_cached = false;
};

// Turns a setting into mappings and reads: the one place that knows what a setting means. Pure.
//
// lazy, cached: the memory files over all of guest memory, each where its layer shows; the
// snapshot's own is enough for one that is whole. concurrent (FaaSnap, section 4.2): as lazy; reads
// of the recorded pages of the memory files. per_region (section 4.5): anonymous memory below, the
// memory file over the non-zero pages; reads of the recorded pages that are not zero. faasnap
// (sections 4.5 to 4.7): as per_region with the loading-set file over its regions, in as few
// mappings as give every page its backing; one read for each region, in file order; prepared, which
// goes beyond the paper, the zero pages are allocated meanwhile, and pages copied that the recorded
// invocation wrote at its first touch. reap (REAP, section 5): anonymous memory with a fault
// handler; the REAP set installed first. stream: anonymous memory with a fault handler; the stream
// set and its zero pages installed while the guest runs; if its bases are in the page cache, they
// are mapped where they have touched pages, and those are entered meanwhile and not read.
//
// Reads into the page cache begin with the restore, unless prepared.
//
// The caller checks that the recording or file that a setting needs exists; without it the plan has
// no reads.
//
// Throws ErrorKind::invalid_argument for a number that is not a setting, and for inputs that are
// unsorted, overlap, leave guest memory, or would put zeros where the image has data.
RestorePlan plan_restore(Setting setting, const PlanInputs& inputs);

// Returns the plan that records every first touch: nothing is loaded, and the fault handler
// records. Throws as plan_restore.
RestorePlan plan_recording(const PlanInputs& inputs);

}  // namespace faasnap::paging
