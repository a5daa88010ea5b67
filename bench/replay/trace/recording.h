// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <faasnap/working_set.h>

#include <vector>

#include "replay/trace/trace.h"

namespace faasnap::bench {

// What a recording knows of an invocation before it is replayed: its accesses.
struct Recording {
  std::vector<PageAccess> accesses{};
};

// Returns the recording of `trace` itself without `unpredicted` of its pages with data, evenly
// spread. Throws std::invalid_argument if it has fewer.
Recording perfect_recording(const Trace& trace, std::uint64_t unpredicted = 0);

// Returns the accesses of `recorded` in a guest restored from the image of `trace`. Throws
// std::invalid_argument if the two guests have different amounts of memory.
Recording recording_of(const Trace& recorded, const Trace& trace);

// Returns the groups that a recording by mincore would have without the kernel's read-ahead: the
// pages with data, in order, 1024 in a group.
std::vector<WorkingSet::Group> groups_of(const Recording& recording);

}  // namespace faasnap::bench
