#pragma once

#include <cstddef>
#include <span>

#include <faasnap/units.h>

namespace faasnap::memory {

// Host memory that a range of this process's address space uses. `proportional` counts a page that
// n mappings share as 1/n.
struct MemoryUsage {
  Bytes resident;
  Bytes proportional;
};

// Sums /proc/self/smaps over the mappings in `range`, which must be page-aligned. Takes some
// microseconds for each mapping of the process, and time in proportion to their page tables.
//
// The kernel merges neighbouring anonymous mappings, so one of them may extend beyond the range;
// the pages of such a mapping inside the range are counted as used by this process alone.
MemoryUsage read_memory_usage(std::span<const std::byte> range);

}  // namespace faasnap::memory
