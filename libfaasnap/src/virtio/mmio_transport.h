// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <faasnap/log.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/files/fd.h"
#include "base/threads/event_loop.h"
#include "memory/guest_memory.h"
#include "virtio/device.h"
#include "virtio/interrupt.h"
#include "virtio/queue.h"

namespace faasnap::virtio {

// Size in bytes of the window of guest physical addresses that a device occupies.
inline constexpr std::uint64_t kMmioWindowSize = 0x1000;

// Offsets within the window that the machine needs to know.
inline constexpr std::uint64_t kMmioQueueNotify = 0x50;
inline constexpr std::uint64_t kMmioInterruptStatus = 0x60;
inline constexpr std::uint64_t kMmioInterruptAck = 0x64;

// The registers of one device (MMIO transport version 2: virtio 1.2, section 4.2), its status,
// feature negotiation and queue set-up, and their saved form.
//
// Owns its device. May be used on the thread of `loop` only (on any thread once the loop has
// stopped), except for the functions marked otherwise. `loop`, `memory` and `interrupt` must
// outlive it.
class MmioTransport final : private QueueOwner, private DeviceOwner {
 public:
  MmioTransport(base::EventLoop& loop, const memory::GuestMemory& memory,
                std::unique_ptr<Device> device, Interrupt& interrupt, LogSink log);
  ~MmioTransport() override;
  MmioTransport(const MmioTransport&) = delete;
  MmioTransport& operator=(const MmioTransport&) = delete;

  // Handle a guest's access of 1, 2, 4 or 8 bytes at `offset` within the window. An access that the
  // specification does not allow reads zero, or is ignored if it is a write. Throw only if the host
  // runs out of descriptors or memory.
  void read(std::uint64_t offset, std::span<std::byte> out);
  void write(std::uint64_t offset, std::span<const std::byte> data);

  // The registers InterruptStatus (read) and InterruptACK (write). May be called from any thread,
  // so that a vCPU answers the guest's interrupt handler without waiting for the loop.
  std::uint32_t interrupt_status() const noexcept { return interrupt_status_.load(); }
  void acknowledge_interrupt(std::uint32_t bits) noexcept { interrupt_status_.fetch_and(~bits); }

  // May be called from any thread, both: their results are fixed.
  std::size_t queue_count() const noexcept { return queue_states_.size(); }
  // Returns the eventfd that the machine may signal instead of writing the number of a queue to
  // QueueNotify (ioeventfd). One for all queues, since a VM's descriptors are few and a device
  // looks at all its queues in no time.
  const base::EventFd& notifier() const noexcept { return notifier_; }

  const Device& device() const noexcept { return *device_; }
  // True while the driver runs the device.
  bool active() const noexcept { return active_; }

  // Waits until every request in flight is complete, and starts no more. The vCPUs must be stopped.
  void drain();
  // Continues after drain or restore: looks at all queues, since notifications may have been lost,
  // and repeats an interrupt that was not acknowledged.
  void resume();

  // Returns the state of transport and device. The transport must be drained.
  std::vector<std::byte> save() const;
  // Restores what save() returned, before the guest's first access, and leaves the transport
  // drained. The guest's memory need not be loaded yet. Throws ErrorKind::corrupt, with nothing
  // changed, if `state` is not valid or belongs to another device. Reads exactly its own state.
  void restore(base::ByteReader& state);

 private:
  // The driver's set-up of one queue.
  struct QueueState {
    QueueLayout layout;
    bool ready = false;
  };
  // The content of the registers, except the interrupt status.
  struct Registers {
    std::uint32_t status = 0;
    std::uint32_t device_feature_select = 0;
    std::uint32_t driver_feature_select = 0;
    std::uint32_t queue_select = 0;
    std::uint64_t driver_features = 0;
  };
  struct SavedState;

  void on_used_buffers() noexcept override;
  void on_fault(const std::string& reason) noexcept override;
  void on_config_change() noexcept override;

  std::uint64_t offered_features() const noexcept;
  bool has_status(std::uint32_t bits) const noexcept;
  std::uint32_t read_register(std::uint64_t offset) const noexcept;
  void write_register(std::uint64_t offset, std::uint32_t value);
  void write_queue_register(std::uint64_t offset, std::uint32_t value) noexcept;
  void write_driver_features(std::uint32_t value) noexcept;
  void write_status(std::uint32_t value);
  void activate();
  void start_device(std::span<const std::uint16_t> positions, Activation activation);
  void reset() noexcept;
  void notify();
  void raise(std::uint32_t bit) noexcept;
  SavedState parse(base::ByteReader& state) const;
  void check(const SavedState& saved, const base::ByteReader& state) const;

  base::EventLoop& loop_;
  const memory::GuestMemory& memory_;
  std::unique_ptr<Device> device_;
  Interrupt& interrupt_;
  LogSink log_;
  unsigned faults_logged_ = 0;

  Registers registers_;
  std::atomic<std::uint32_t> interrupt_status_{0};
  std::vector<QueueState> queue_states_;
  base::EventFd notifier_;
  // In use while active_ is true and not resized then, because the device refers to it.
  std::vector<Queue> queues_;
  bool active_ = false;
  bool drained_ = false;
};

}  // namespace faasnap::virtio
