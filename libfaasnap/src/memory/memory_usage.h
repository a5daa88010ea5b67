#pragma once

#include <cstddef>
#include <span>

#include <faasnap/units.h>

namespace faasnap::memory {

// What a range of this process's address space takes of the host's memory. `proportional` counts a
// page that n mappings share as 1/n.
struct MemoryUsage {
  Bytes resident;
  Bytes proportional;
};

// Sums /proc/self/smaps over the mappings in `range`, which is page-aligned. Takes some
// microseconds for each mapping of the process, and time in proportion to their page tables.
//
// The kernel joins neighbouring anonymous mappings, so one of them may reach beyond the range; of
// such a one the pages inside the range are counted, each as this process's alone.
MemoryUsage read_memory_usage(std::span<const std::byte> range);

}  // namespace faasnap::memory
