#pragma once

#include <faasnap/working_set.h>

#include <vector>

#include "replay/trace/trace.h"

namespace faasnap::bench {

// What is known of an invocation before it is replayed: the accesses that a recording noted.
struct Recording {
  std::vector<PageAccess> accesses{};
};

// The recording of `trace` itself, but for `unpredicted` of its pages with data, spread evenly over
// it. Throws std::invalid_argument when it has fewer.
Recording perfect_recording(const Trace& trace, std::uint64_t unpredicted = 0);

// What `recorded` touched, in a guest restored from the image of `trace`. Throws
// std::invalid_argument when the two guests have different amounts of memory.
Recording recording_of(const Trace& recorded, const Trace& trace);

// The groups that a recording by mincore would have, but for the kernel's read-ahead: the pages
// with data, in order, 1024 to a group.
std::vector<WorkingSet::Group> groups_of(const Recording& recording);

}  // namespace faasnap::bench
