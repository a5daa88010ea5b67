#pragma once

#include <sys/types.h>

#include <cstdint>

namespace faasnap::machine {

// Page faults that a thread has taken since it began, as the kernel accounts them. Those that a
// vCPU takes in the guest's second-stage tables count to its thread.
struct ThreadFaults {
  std::uint64_t minor = 0;
  std::uint64_t major = 0;
};

// `thread` is a thread of this process, alive. Safe from any thread.
ThreadFaults read_thread_faults(pid_t thread);

}  // namespace faasnap::machine
