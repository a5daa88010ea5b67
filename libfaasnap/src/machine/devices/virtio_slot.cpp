// SPDX-License-Identifier: Apache-2.0

#include "machine/devices/virtio_slot.h"

#include <array>
#include <cstring>

#include "virtio/mmio_registers.h"

namespace faasnap::machine {
VirtioSlot::VirtioSlot(unsigned index, base::EventLoop& loop, const memory::GuestMemory& memory,
                       std::unique_ptr<virtio::Device> device, const kvm::VmFd& vm, LogSink log)
    : index_(index),
      loop_(loop),
      transport_(loop, memory, std::move(device), interrupt_, std::move(log)) {
  vm.attach_irqfd(interrupt_.event(), boot::kVirtioGsi + index);
  const memory::GuestAddress notify{window(index).value + virtio::kMmioQueueNotify};
  vm.attach_ioeventfd(transport_.notifier(), notify, sizeof(std::uint32_t), std::nullopt);
}

void VirtioSlot::read(std::uint64_t offset, std::span<std::byte> data) {
  if (offset == virtio::kMmioInterruptStatus && data.size() == sizeof(std::uint32_t)) {
    const std::uint32_t status = transport_.interrupt_status();
    std::memcpy(data.data(), &status, sizeof(status));
    return;
  }
  loop_.run([&] { transport_.read(offset, data); });
}

void VirtioSlot::write(std::uint64_t offset, std::span<const std::byte> data) {
  if (offset == virtio::kMmioInterruptAck && data.size() == sizeof(std::uint32_t)) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, data.data(), sizeof(bits));
    transport_.acknowledge_interrupt(bits);
    return;
  }
  loop_.run([&] { transport_.write(offset, data); });
}

void VirtioSlot::reset() {
  constexpr std::array<std::byte, sizeof(std::uint32_t)> kNoStatus{};
  transport_.write(virtio::kStatus, kNoStatus);
}

}  // namespace faasnap::machine
