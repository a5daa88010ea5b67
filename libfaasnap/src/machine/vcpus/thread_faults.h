// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <sys/types.h>

#include <cstdint>

namespace faasnap::machine {

// Page faults that a thread has taken since it began, as the kernel counts them. The faults of a
// vCPU in the guest's second-stage tables count for its thread.
struct ThreadFaults {
  std::uint64_t minor = 0;
  std::uint64_t major = 0;
};

// `thread` is a running thread of this process. May be called from any thread.
ThreadFaults read_thread_faults(pid_t thread);

}  // namespace faasnap::machine
