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

#include "base/event_loop.h"
#include "memory/guest_memory.h"
#include "virtio/device.h"
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

// Calls `condition` until it holds; false after ten seconds.
bool wait_until(const std::function<bool()>& condition);

// What a device needs around it: an event loop and guest memory.
class World {
 public:
  World() : loop([this](std::exception_ptr failure) { record(failure); }) {}

  void record(std::exception_ptr failure);
  // Exceptions that escaped from callbacks; a test expects none.
  std::size_t failures();
  LogSink log();
  bool logged(std::string_view text);

  memory::GuestMemory memory{Bytes{128ULL << 20}};
  base::EventLoop loop;

 private:
  std::mutex mutex_;
  std::vector<std::string> failures_;
  std::vector<std::string> logged_;
};

// A device behind its transport, and the guest's driver of it, which sees registers and memory
// only. Register accesses go over the loop's thread, kicks through the eventfds, as with KVM.
class FakeDriver {
 public:
  FakeDriver(World& world, std::unique_ptr<Device> device);
  ~FakeDriver();

  std::uint32_t read32(std::uint64_t offset);
  void write32(std::uint64_t offset, std::uint32_t value);
  std::vector<std::byte> read_config(std::uint64_t offset, std::size_t length);
  std::uint64_t device_features();
  std::uint32_t status() { return read32(kStatus); }

  // Reset, ACKNOWLEDGE, DRIVER, the features, FEATURES_OK; whether the device took them.
  bool negotiate(std::uint64_t features);
  // Tells the device about queues[index].
  void set_up_queue(std::size_t index);
  // All of it: the device's own features, queues of `size` entries at most, DRIVER_OK.
  void start(std::uint64_t ring_features = kFeatureIndirect | kFeatureEventIndex,
             std::uint16_t size = 0xffff);
  void kick(std::size_t index);
  // The next used entry of a queue.
  Used wait_used(std::size_t index);

  void drain();
  void resume();
  std::vector<std::byte> save();
  // Restores into this driver's fresh device; the queues are those of the driver that was saved.
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
// `size` bytes that differ from place to place, and by `seed`.
std::vector<std::byte> pattern(std::size_t size, std::uint32_t seed = 1);

}  // namespace faasnap::virtio::test
