#pragma once

#include <cstdint>
#include <memory>

#include <faasnap/log.h>

#include "base/event_loop.h"
#include "base/fd.h"
#include "boot/layout.h"
#include "kvm/vm_fd.h"
#include "machine/bus.h"
#include "memory/guest_memory.h"
#include "virtio/mmio_transport.h"

namespace faasnap::machine {

// A virtio device in its place in the machine: its window on the address bus, its interrupt and its
// queue notifications wired to KVM. vCPU threads hand register accesses over to the event loop, on
// which the device lives, but answer the two registers of the interrupt handler themselves.
class VirtioSlot : public BusDevice {
 public:
  // `index` selects address and interrupt (boot/layout.h).
  VirtioSlot(unsigned index, base::EventLoop& loop, const memory::GuestMemory& memory,
             std::unique_ptr<virtio::Device> device, const kvm::VmFd& vm, LogSink log);

  // Where the registers of the device in slot `index` are.
  static constexpr memory::GuestAddress window(unsigned index) {
    return {boot::kVirtioMmio.value + index * boot::kVirtioMmioSize};
  }

  unsigned index() const noexcept { return index_; }

  void read(std::uint64_t offset, std::span<std::byte> data) override;
  void write(std::uint64_t offset, std::span<const std::byte> data) override;

  // To be used on the loop's thread, both of them. The first acts as a driver that resets the
  // device.
  void reset();
  virtio::MmioTransport& transport() noexcept { return transport_; }

 private:
  // An edge on an interrupt of KVM's in-kernel controllers.
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
