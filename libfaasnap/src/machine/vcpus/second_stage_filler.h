// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include <faasnap/units.h>

#include "kvm/vcpu_fd.h"
#include "memory/guest_memory.h"

namespace faasnap::machine {

// Enters pages that have come into guest memory into the page tables that translate the guest's
// addresses, so that the guest's first touch of them does not exit (KVM_PRE_FAULT_MEMORY, Linux
// 6.11). Uses a vCPU that never runs and that the guest does not know: the tables belong to all
// vCPUs of a VM.
//
// This is an optimisation: the first failure ends it, and the guest takes its faults. Safe to use
// from any thread; `memory` must outlive it.
class SecondStageFiller {
 public:
  // `spare` must be made after the time-stamp counters of the guest's own vCPUs were set. Otherwise
  // KVM considers it out of step with them and disables the guest's fast clock.
  SecondStageFiller(kvm::VcpuFd spare, const memory::GuestMemory& memory)
      : memory_(memory), spare_(std::move(spare)) {}

  void enter(PageRange pages) noexcept;
  // Returns the number of pages entered so far.
  std::uint64_t pages() const noexcept { return pages_; }

 private:
  void enter(memory::GuestAddress address, Bytes size);

  const memory::GuestMemory& memory_;
  std::mutex mutex_;
  kvm::VcpuFd spare_;
  bool ended_ = false;
  std::atomic<std::uint64_t> pages_ = 0;
};

}  // namespace faasnap::machine
