#pragma once

#include <cstddef>
#include <span>

#include <faasnap/units.h>

namespace faasnap::paging {

// What a range of this process's address space takes of the host's memory. `proportional` counts a
// page that n mappings share as 1/n.
struct MemoryUsage {
  Bytes resident;
  Bytes proportional;
};

// Sums /proc/self/smaps over the mappings that begin in `range`. Reads the whole of smaps: some
// microseconds for each mapping of the process, and time in proportion to resident pages.
MemoryUsage read_memory_usage(std::span<const std::byte> range);

}  // namespace faasnap::paging
