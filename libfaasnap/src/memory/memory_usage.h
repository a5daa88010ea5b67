// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <span>

#include <faasnap/vm_stats.h>

namespace faasnap::memory {

// Returns what `range`, page-aligned addresses of this process, takes of the host's memory: the sum
// of /proc/self/smaps over the mappings in it. Takes some microseconds for each mapping of the
// process, and time in proportion to their page tables.
//
// The kernel merges neighbouring anonymous mappings, so one of them may extend beyond the range;
// the pages of such a mapping inside the range are counted as used by this process alone.
MemoryUsage read_memory_usage(std::span<const std::byte> range);

// Returns how many bytes of `range`, page-aligned addresses of this process, are in the host's
// memory or swapped out. Reads /proc/self/pagemap, for which the kernel looks at no other mapping:
// takes a millisecond for 2 GiB, however many VMs the process has.
Bytes read_present_memory(std::span<const std::byte> range);

}  // namespace faasnap::memory
