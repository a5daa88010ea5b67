// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

#include <faasnap/restore_plan.h>

#include "memory/guest_memory.h"
#include "paging/snapshot_files.h"

namespace faasnap::paging {

// Maps the plan's files over `memory`, which must be as its constructor left it: anonymous and
// untouched. Private mappings: the guest's writes never reach the files. Returns how many mappings
// were made; the anonymous base that guest memory starts as is not one of them.
//
// A loading set is read in blocks (block_mapping.h). Without KernelFaults::read_ahead all mappings
// are marked MADV_RANDOM; otherwise the kernel's read-ahead stays as the host has set it.
//
// Throws if a mapping or a hint fails, and ErrorKind::invalid_argument for a plan that does not fit
// `memory` or names a file that `files` lacks; `memory` may then be mapped in part and must not be
// used.
std::uint64_t apply(const RestorePlan& plan, const memory::GuestMemory& memory,
                    const SnapshotFiles& files);

}  // namespace faasnap::paging
