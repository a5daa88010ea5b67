#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/fd.h"
#include "kvm/system.h"
#include "memory/guest_address.h"
#include "memory/guest_memory.h"

namespace faasnap::kvm {

// One KVM virtual machine: its memory slots, interrupt controllers (two 8259s, an IOAPIC), interval
// timer (8254) and paravirtual clock. Owns the VM descriptor, not the guest's memory, which must
// stay mapped until the last vCPU has stopped.
//
// map_memory, save and restore are for one thread, with no vCPU running; the others for any thread.
class VmFd {
 public:
  // Creates the VM without memory; create vCPUs (VcpuFd) after map_memory.
  explicit VmFd(const System& system);

  int fd() const noexcept { return fd_.get(); }
  // Gives the guest one memory slot per region. Host mappings inside may change later.
  void map_memory(const memory::GuestMemory& memory);

  // From now on a signal on `event` raises the edge-triggered interrupt `gsi`. Both descriptors
  // stay the caller's; KVM drops the link when `event` is closed.
  void attach_irqfd(const base::EventFd& event, std::uint32_t gsi) const;
  // From now on a guest write of `width` bytes (1, 2, 4 or 8; 0 for any) to the guest physical
  // `address`, of `datamatch` only when given, signals `event` without an exit.
  void attach_ioeventfd(const base::EventFd& event, memory::GuestAddress address,
                        std::uint32_t width, std::optional<std::uint32_t> datamatch) const;
  // Sets the level of an interrupt line; high then low is an edge.
  void set_irq_line(std::uint32_t gsi, bool level) const;

  // Interrupt controllers, interval timer and clock. Every vCPU must have been stopped.
  std::vector<std::byte> save() const;
  // Undoes save() on a VM of the same make whose vCPUs exist, and advances the guest's clock by the
  // wall-clock time since (never backwards), so that the guest sees the time of day of now. Reads
  // all of its input before it changes anything.
  void restore(base::ByteReader& in);

 private:
  base::UniqueFd fd_;
  bool clock_takes_realtime_ = false;
};

}  // namespace faasnap::kvm
