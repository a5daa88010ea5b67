// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/threads/event_loop.h"
#include "memory/guest_memory.h"
#include "virtio/device.h"
#include "virtio/device_limits.h"
#include "virtio/fake_queue.h"
#include "virtio/interrupt.h"
#include "virtio/mmio_registers.h"
#include "virtio/mmio_transport.h"

namespace faasnap::virtio::test {

class CountingInterrupt final : public Interrupt {
 public:
  void trigger() noexcept override { ++count; }
  std::atomic<unsigned> count{0};
};

// Calls `condition` until it is true. Returns false after ten seconds.
bool wait_until(const std::function<bool()>& condition);

// The surroundings of a device: an event loop, guest memory, and what the guest may spend.
class World {
 public:
  explicit World(const GuestLimits& allowed = {})
      : limits{.allowed = allowed}, loop([this](std::exception_ptr failure) { record(failure); }) {}

  void record(std::exception_ptr failure);
  // Returns the number of exceptions that escaped from callbacks; a test expects none.
  std::size_t failures();
  LogSink log();
  bool logged(std::string_view text);

  memory::GuestMemory memory{Bytes{128ULL << 20}};
  DeviceLimits limits;
  base::EventLoop loop;

 private:
  std::mutex mutex_;
  std::vector<std::string> failures_;
  std::vector<std::string> logged_;
};

// A device behind its transport, and the guest's driver, which sees only registers and memory.
// Register accesses go through the loop's thread and kicks through the eventfds, as with KVM.
class FakeDriver {
 public:
  FakeDriver(World& world, std::unique_ptr<Device> device);
  ~FakeDriver();

  std::uint32_t read32(std::uint64_t offset);
  void write32(std::uint64_t offset, std::uint32_t value);
  std::vector<std::byte> read_config(std::uint64_t offset, std::size_t length);
  std::uint64_t device_features();
  std::uint32_t status() { return read32(kStatus); }

  // Does reset, ACKNOWLEDGE, DRIVER, the features, FEATURES_OK. Returns whether the device accepted
  // them.
  bool negotiate(std::uint64_t features);
  // Tells the device about queues[index].
  void set_up_queue(std::size_t index);
  // Does all of it: the device's own features except `without`, queues of at most `size` entries,
  // DRIVER_OK.
  void start(std::uint64_t ring_features = kFeatureIndirect | kFeatureEventIndex,
             std::uint16_t size = 0xffff, std::uint64_t without = 0);
  void kick(std::size_t index);
  // Waits for the next used entry of a queue.
  Used wait_used(std::size_t index);

  void drain();
  void resume();
  std::vector<std::byte> save();
  // Restores into this driver's fresh device; the queues belong to the driver that was saved.
  void restore(const std::vector<std::byte>& state);
  // Runs `work` on the loop's thread.
  void on_loop(const std::function<void()>& work) { world.loop.run(work); }

  World& world;
  Allocator allocator{GuestAddress{1 << 20}};
  CountingInterrupt interrupt;
  std::unique_ptr<MmioTransport> transport;
  std::deque<FakeQueue> queues;
};

std::vector<std::byte> bytes_of(std::string_view text);
std::string text_of(std::span<const std::byte> bytes);
// Returns `size` bytes that differ by position and by `seed`.
std::vector<std::byte> pattern(std::size_t size, std::uint32_t seed = 1);

}  // namespace faasnap::virtio::test
