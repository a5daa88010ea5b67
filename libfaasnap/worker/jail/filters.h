// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <linux/filter.h>

#include <array>
#include <string_view>
#include <vector>

namespace faasnap::worker {

// What a thread of the worker does, which says what it may ask the kernel for. Every list is a part
// of the one before it.
enum class ThreadRole {
  control,  // answers calls, makes and saves VMs, starts the other threads
  device,   // runs devices, loads memory and answers page faults
  vcpu,     // runs a vCPU
};

// Returns the role of a thread with this name (docs/reference/threading.md).
ThreadRole role_of(std::string_view thread_name);

// The system calls that each role may make: lists, anything else of which kills the process
// (seccomp(2)). docs/reference/worker.md says why each call is in them.
class Filters {
 public:
  // Makes the filters' programs. Throws ErrorKind::unsupported without libseccomp's help.
  Filters();

  // Filters the calling thread, and those that it starts, from now on. no_new_privs must be set.
  void install(ThreadRole role) const;

 private:
  std::array<std::vector<sock_filter>, 3> programs_;
};

}  // namespace faasnap::worker
