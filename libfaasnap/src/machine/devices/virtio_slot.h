// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <memory>

#include <faasnap/log.h>

#include "base/files/fd.h"
#include "base/threads/event_loop.h"
#include "boot/layout.h"
#include "kvm/vm_fd.h"
#include "machine/devices/bus.h"
#include "memory/guest_memory.h"
#include "virtio/mmio_transport.h"

namespace faasnap::machine {

// A virtio device in its place in the machine: its window on the address bus, and its interrupt and
// queue notifications wired to KVM. vCPU threads pass register accesses to the event loop, on which
// the device lives, but answer the two registers of the interrupt handler themselves.
class VirtioSlot : public BusDevice {
 public:
  // `index` determines address and interrupt (boot/layout.h).
  VirtioSlot(unsigned index, base::EventLoop& loop, const memory::GuestMemory& memory,
             std::unique_ptr<virtio::Device> device, const kvm::VmFd& vm, LogSink log);

  // Returns where the registers of the device in slot `index` are.
  static constexpr memory::GuestAddress window(unsigned index) {
    return {boot::kVirtioMmio.value + index * boot::kVirtioMmioSize};
  }

  unsigned index() const noexcept { return index_; }

  void read(std::uint64_t offset, std::span<std::byte> data) override;
  void write(std::uint64_t offset, std::span<const std::byte> data) override;

  // Both must be called on the loop's thread. The first resets the device as a driver would.
  void reset();
  virtio::MmioTransport& transport() noexcept { return transport_; }

 private:
  // Raises edges on an interrupt of KVM's in-kernel controllers.
  class Irqfd : public virtio::Interrupt {
   public:
    void trigger() noexcept override { event_.signal(); }
    const base::EventFd& event() const noexcept { return event_; }

   private:
    base::EventFd event_;
  };

  unsigned index_;
  base::EventLoop& loop_;
  Irqfd interrupt_;
  virtio::MmioTransport transport_;
};

}  // namespace faasnap::machine
