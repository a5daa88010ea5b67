// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <faasnap/error.h>

#include "base/threads/event_loop.h"
#include "input.h"
#include "memory/guest_memory.h"
#include "support.h"
#include "virtio/device_limits.h"
#include "virtio/mmio_registers.h"
#include "virtio/mmio_transport.h"

namespace faasnap::fuzz {

class NoInterrupt final : public virtio::Interrupt {
 public:
  void trigger() noexcept override {}
};

// The surroundings of a device: an event loop, guest memory that can become unavailable, and
// limits.
struct DeviceWorld {
  static constexpr unsigned kConnections = 8;

  DeviceWorld() {
    memory.guard({.intact = [this] { return intact.load(); },
                  .refused = [](PageRange, const std::string&) {}});
  }

  std::atomic<bool> intact = true;
  memory::GuestMemory memory{memory::kMinimumSize};
  virtio::DeviceLimits limits{.allowed = {.connections = kConnections}};
  // An exception that reaches the loop is what these programs look for.
  base::EventLoop loop{[](std::exception_ptr) { std::abort(); }};
  NoInterrupt interrupt;
};

// A guest's driver that does with one device what the input says: registers, rings and buffers with
// any content, resets, and saved states of which some bytes are changed. Its steps run on the
// loop's thread one at a time, so that the device's own callbacks run in between; nothing waits for
// time.
class HostileDriver {
 public:
  using MakeDevice = std::function<std::unique_ptr<virtio::Device>()>;
  // Fills a buffer of the area with what the device expects there, for example a request's header.
  using FillBuffer = std::function<void(std::uint64_t address, Input& input)>;
  // Does something on the host's side.
  using HostStep = std::function<void(Input& input)>;

  HostileDriver(DeviceWorld& world, Input input, MakeDevice make, FillBuffer fill = {},
                HostStep host = {})
      : world_(world),
        input_(input),
        make_(std::move(make)),
        fill_(std::move(fill)),
        host_(std::move(host)) {
    world_.intact = true;
    std::fill_n(world_.memory.host().begin(), kEnd, std::byte{0});
    world_.loop.run([this] {
      make_transport();
      start();
    });
  }
  ~HostileDriver() {
    world_.loop.run([this] { transport_.reset(); });
  }
  HostileDriver(const HostileDriver&) = delete;
  HostileDriver& operator=(const HostileDriver&) = delete;

  void run() {
    for (std::size_t i = 0; i < kMaximumSteps && !input_.empty(); ++i) {
      world_.loop.run([this] { step(); });
    }
  }

 private:
  static constexpr std::size_t kMaximumSteps = 200;
  static constexpr std::uint64_t kQueues = 5;
  static constexpr std::uint16_t kQueueSize = 8;
  // Where the parts lie: the rings of each queue in a page of its own, then the buffers.
  static constexpr std::uint64_t kRings = 0x10000;
  static constexpr std::uint64_t kAvailable = 0x400;
  static constexpr std::uint64_t kUsed = 0x800;
  static constexpr std::uint64_t kArea = 0x20000;
  static constexpr std::uint64_t kBuffer = 0x1000;
  static constexpr std::uint64_t kBuffers = 16;
  static constexpr std::uint64_t kTables = kArea + kBuffers * kBuffer;  // indirect ones
  static constexpr std::uint64_t kEnd = kTables + 0x4000;

  static std::uint64_t rings_of(std::uint64_t queue) { return kRings + queue * 0x1000; }

  void make_transport() {
    transport_ = std::make_unique<virtio::MmioTransport>(world_.loop, world_.memory, make_(),
                                                         world_.interrupt, LogSink{});
    queues_ = static_cast<std::uint32_t>(transport_->queue_count());
    require(queues_ <= kQueues);
  }

  template <typename Value>
  void put(std::uint64_t address, Value value) {
    std::memcpy(world_.memory.host().data() + address % world_.memory.size().value, &value,
                sizeof(value));
  }
  void set(std::uint64_t offset, std::uint32_t value) {
    transport_->write(offset, std::as_bytes(std::span(&value, 1)));
  }
  std::uint32_t get(std::uint64_t offset) {
    std::uint32_t value = 0;
    transport_->read(offset, std::as_writable_bytes(std::span(&value, 1)));
    return value;
  }

  // What an honest driver does.
  void start() {
    using namespace virtio;
    set(kStatus, 0);
    set(kStatus, kAcknowledge | kDriver);
    for (std::uint32_t half = 0; half < 2; ++half) {
      set(kDeviceFeaturesSelect, half);
      set(kDriverFeaturesSelect, half);
      set(kDriverFeatures, get(kDeviceFeatures) & ~(input_.rarely(8) ? input_.word() : 0U));
    }
    set(kStatus, kAcknowledge | kDriver | kFeaturesOk);
    for (std::uint32_t i = 0; i < queues_; ++i) {
      set(kQueueSelect, i);
      set(kQueueSize, kQueueSize);
      set(kQueueDescriptorLow, static_cast<std::uint32_t>(rings_of(i)));
      set(kQueueDriverLow, static_cast<std::uint32_t>(rings_of(i) + kAvailable));
      set(kQueueDeviceLow, static_cast<std::uint32_t>(rings_of(i) + kUsed));
      set(kQueueReady, input_.rarely(16) ? 0 : 1);
    }
    set(kStatus, kAcknowledge | kDriver | kFeaturesOk | kDriverOk);
    next_.fill(0);
  }

  void step() {
    switch (input_.byte() % 16) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
      case 5:
        return offer_chain();
      case 6:
        return offer_indirect();
      case 7:
        // Any byte of rings and buffers.
        return put(kRings + input_.word() % (kEnd - kRings), input_.byte());
      case 8:
        // Any available index.
        put(rings_of(input_.byte() % kQueues) + kAvailable + 2,
            static_cast<std::uint16_t>(input_.word()));
        return set(virtio::kMmioQueueNotify, input_.byte());
      case 9:
        return access_register();
      case 10:
        return set(4ULL * (input_.byte() % 0x48U), input_.word());
      case 11:
        return save_and_restore();
      case 12:
        return restore_anything();
      case 13:
        world_.intact = !input_.rarely(4);
        return;
      case 14:
        if (host_) {
          host_(input_);
        }
        return;
      default:
        start();
    }
  }

  void write_descriptor(std::uint64_t at, bool in_order, std::uint16_t next) {
    const std::uint64_t buffer = kArea + input_.byte() % kBuffers * kBuffer;
    const bool strange = input_.rarely(16);
    const std::uint64_t address =
        strange ? std::uint64_t{input_.word()} << (input_.byte() % 33) : buffer;
    if (!strange && fill_ && input_.rarely(2)) {
      fill_(buffer, input_);
    }
    const std::uint32_t length = input_.rarely(16) ? input_.word() : input_.byte() * 16U;
    const auto flags = static_cast<std::uint16_t>(input_.byte() % 8);
    put(at, address);
    put(at + 8, length);
    put(at + 12, static_cast<std::uint16_t>(in_order ? (flags & 2) | 1 : flags));
    put(at + 14, in_order ? next : static_cast<std::uint16_t>(input_.byte() % (kQueueSize + 1)));
  }
  void offer(std::uint32_t queue, std::uint16_t head) {
    std::uint16_t& next = next_[queue];
    put(rings_of(queue) + kAvailable + 4 + 2ULL * (next % kQueueSize), head);
    ++next;
    put(rings_of(queue) + kAvailable + 2, next);
    set(virtio::kMmioQueueNotify, queue);
  }
  void offer_chain() {
    const std::uint32_t queue = input_.byte() % queues_;
    const unsigned count = 1 + input_.byte() % 4U;
    const bool in_order = !input_.rarely(8);
    for (unsigned i = 0; i < count; ++i) {
      write_descriptor(rings_of(queue) + 16ULL * i, in_order, static_cast<std::uint16_t>(i + 1));
    }
    if (in_order) {
      put(rings_of(queue) + 16ULL * (count - 1) + 12,
          static_cast<std::uint16_t>(input_.byte() & 2));  // the last
    }
    offer(queue, input_.rarely(16) ? input_.byte() : std::uint16_t{0});
  }
  void offer_indirect() {
    const std::uint32_t queue = input_.byte() % queues_;
    const unsigned count = 1 + input_.byte() % 8U;
    for (unsigned i = 0; i < count; ++i) {
      write_descriptor(kTables + 16ULL * i, !input_.rarely(4), static_cast<std::uint16_t>(i + 1));
    }
    put(rings_of(queue), kTables);
    put(rings_of(queue) + 8, input_.rarely(8) ? input_.word() : 16 * count);
    put(rings_of(queue) + 12, static_cast<std::uint16_t>(input_.rarely(8) ? input_.byte() : 4));
    put(rings_of(queue) + 14, std::uint16_t{0});
    offer(queue, 0);
  }

  void access_register() {
    std::array<std::byte, 8> data{};
    const std::size_t size = std::size_t{1} << (input_.byte() % 4);
    const std::uint64_t offset = input_.word() % (virtio::kMmioWindowSize - size + 1);
    if (input_.rarely(2)) {
      transport_->read(offset, std::span(data).first(size));
      return;
    }
    for (std::byte& byte : data) {
      byte = std::byte{input_.byte()};
    }
    transport_->write(offset, std::span(data).first(size));
  }

  void save_and_restore() {
    transport_->drain();
    const auto state = transport_->save();
    if (input_.rarely(2)) {
      transport_.reset();
      make_transport();
      base::ByteReader reader(state, "state", "device");
      transport_->restore(reader);  // what was saved can be restored
      reader.finish();
      require(!transport_->active() || transport_->save() == state);
    }
    transport_->resume();
  }
  // Restores a state of which bytes were changed, or any bytes at all, as from a damaged snapshot.
  void restore_anything() {
    transport_->drain();
    auto state = transport_->save();
    for (unsigned changes = input_.byte() % 4U; changes != 0; --changes) {
      state[input_.byte() % state.size()] = std::byte{input_.byte()};
    }
    state.resize(state.size() - (input_.rarely(8) ? input_.byte() % state.size() : 0));
    transport_.reset();
    make_transport();
    try {
      base::ByteReader reader(state, "state", "device");
      transport_->restore(reader);
      reader.finish();
    } catch (const Error& error) {
      require(error.kind() == ErrorKind::corrupt);
    }
    transport_->resume();
  }

  DeviceWorld& world_;
  Input input_;
  MakeDevice make_;
  FillBuffer fill_;
  HostStep host_;
  std::unique_ptr<virtio::MmioTransport> transport_;
  std::uint32_t queues_ = 0;
  std::array<std::uint16_t, kQueues> next_{};
};

}  // namespace faasnap::fuzz
