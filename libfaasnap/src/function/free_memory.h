// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stop_token>

#include <faasnap/free_memory.h>
#include <faasnap/vm.h>

namespace faasnap::function {

// Returns what the mode needs on the kernel command line: words after a space each, or nothing.
const char* kernel_words(FreeMemory mode) noexcept;

// Has a guest that reports give up all the memory that it has free: clears what its kernel never
// reports, and waits for the rest. The kernel reports in passes, each two seconds after pages were
// freed or after a pass that left some. Throws ErrorKind::guest if the agent does not do its part,
// and ErrorKind::cancelled.
void settle_free_memory(VM& vm, const std::stop_token& stop);

}  // namespace faasnap::function
