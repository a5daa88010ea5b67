// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <faasnap/monotonic_clock.h>

#include "base/bytes.h"
#include "base/files/fd.h"
#include "kvm/system.h"
#include "memory/guest_address.h"
#include "memory/guest_memory.h"

namespace faasnap::kvm {

// One KVM virtual machine: its memory slots, interrupt controllers (two 8259s, an IOAPIC), interval
// timer (8254) and paravirtual clock. Owns the VM descriptor but not the guest's memory, which must
// stay mapped until the last vCPU has stopped.
//
// map_memory, save and restore must be called from one thread while no vCPU runs; the others from
// any thread.
class VmFd {
 public:
  // Creates a VM without memory. vCPUs (VcpuFd) must be created after map_memory.
  explicit VmFd(const System& system);

  int fd() const noexcept { return fd_.get(); }
  // Gives the guest one memory slot for each region. The host mappings inside a region may change
  // later.
  void map_memory(const memory::GuestMemory& memory);

  // Raises the interrupt `gsi`, which is edge-triggered, once.
  void raise_interrupt(std::uint32_t gsi) const noexcept;
  // Connects `event` to the interrupt `gsi`, which is edge-triggered: a signal on `event` raises
  // it. The caller keeps both descriptors; KVM ends the connection when `event` is closed.
  void attach_irqfd(const base::EventFd& event, std::uint32_t gsi) const;
  // Signals `event`, without an exit, whenever the guest writes `width` bytes (1, 2, 4 or 8; 0 for
  // any) to `address`; only for writes of `datamatch` if it is given.
  void attach_ioeventfd(const base::EventFd& event, memory::GuestAddress address,
                        std::uint32_t width, std::optional<std::uint32_t> datamatch) const;

  // Returns the state of the interrupt controllers, the interval timer and the clock. No vCPU may
  // be running.
  std::vector<std::byte> save() const;
  // Restores what save() returned, on a VM of the same shape whose vCPUs exist. The guest's clock,
  // which its vCPUs' time-stamp counters advance, goes on as `clock` says, never backwards. Reads
  // all of its input before it changes anything.
  void restore(base::ByteReader& in, MonotonicClock clock);

 private:
  base::UniqueFd fd_;
  bool clock_takes_realtime_ = false;
};

}  // namespace faasnap::kvm
