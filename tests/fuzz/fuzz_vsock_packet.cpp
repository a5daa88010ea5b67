// SPDX-License-Identifier: Apache-2.0

// A guest that says anything to the socket device: packets with lengths, ports, operations and
// credit of its choice, descriptors likewise, while the host connects, writes, closes, saves.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include <faasnap/error.h>

#include "base/threads/event_loop.h"
#include "input.h"
#include "memory/guest_memory.h"
#include "virtio/mmio_registers.h"
#include "virtio/mmio_transport.h"
#include "virtio/vsock/vsock_device.h"

namespace {

using namespace faasnap;
using fuzz::Input;
using memory::GuestAddress;

constexpr std::uint32_t kCid = 3;
constexpr std::uint16_t kQueueSize = 8;
constexpr std::size_t kMaximumSteps = 200;
constexpr unsigned kMaximumEnds = 16;

// The place of queue `i`: one after the other from 64 KiB up.
GuestAddress table_of(std::uint64_t i) { return {0x10000 + i * 0x1000}; }
GuestAddress available_of(std::uint64_t i) { return {table_of(i).value + 0x400}; }
GuestAddress used_of(std::uint64_t i) { return {table_of(i).value + 0x800}; }
constexpr GuestAddress kArea{0x100000};
constexpr std::uint32_t kAreaSize = 0x40000;

class NoInterrupt final : public virtio::Interrupt {
 public:
  void trigger() noexcept override {}
};

struct World {
  memory::GuestMemory memory{Bytes{128ULL << 20}};
  // An exception that reaches the loop is what this program looks for.
  base::EventLoop loop{[](std::exception_ptr) { std::abort(); }};
  NoInterrupt interrupt;
  virtio::DeviceLimits limits{.allowed = {.connections = kMaximumEnds}};
};

class Session {
 public:
  Session(World& world, Input input) : world_(world), input_(input) {
    std::fill_n(world_.memory.host().begin(), kArea.value + kAreaSize, std::byte{0});
    world_.loop.run([this] {
      make();
      start();
    });
  }
  ~Session() {
    world_.loop.run([this] { transport_.reset(); });
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // A step at a time on the loop's thread, so that its callbacks run in between.
  void run() {
    for (std::size_t i = 0; i < kMaximumSteps && !input_.empty(); ++i) {
      world_.loop.run([this] { step(); });
    }
  }

 private:
  void make() {
    auto device =
        std::make_unique<virtio::VsockDevice>(world_.loop, kCid, world_.limits, LogSink{});
    device_ = device.get();
    device_->listen(1, [this](base::UniqueFd end) { keep(std::move(end)); });
    transport_ = std::make_unique<virtio::MmioTransport>(
        world_.loop, world_.memory, std::move(device), world_.interrupt, LogSink{});
  }
  void keep(base::UniqueFd end) {
    base::set_non_blocking(end);
    if (ends_.size() == kMaximumEnds) {
      ends_.erase(ends_.begin());
    }
    ends_.push_back(std::move(end));
  }
  void set(std::uint64_t offset, std::uint32_t value) {
    transport_->write(offset, std::as_bytes(std::span(&value, 1)));
  }
  void start() {
    using namespace virtio;
    set(kStatus, 0);
    set(kStatus, kAcknowledge | kDriver);
    set(kDriverFeaturesSelect, 0);
    set(kDriverFeatures, static_cast<std::uint32_t>(kFeatureEventIndex | kFeatureIndirect));
    set(kDriverFeaturesSelect, 1);
    set(kDriverFeatures, 1);
    set(kStatus, kAcknowledge | kDriver | kFeaturesOk);
    for (std::uint32_t i = 0; i < 3; ++i) {
      set(kQueueSelect, i);
      set(kQueueSize, kQueueSize);
      set(kQueueDescriptorLow, static_cast<std::uint32_t>(table_of(i).value));
      set(kQueueDriverLow, static_cast<std::uint32_t>(available_of(i).value));
      set(kQueueDeviceLow, static_cast<std::uint32_t>(used_of(i).value));
      set(kQueueReady, 1);
    }
    set(kStatus, kAcknowledge | kDriver | kFeaturesOk | kDriverOk);
    next_.fill(0);
  }

  void step() {
    switch (input_.byte() % 12) {
      case 0:
      case 1:
      case 2:
      case 3:
        return send_packet();
      case 4:
      case 5:
        return offer_buffer();
      case 6:
        return offer_anything();
      case 7:
        return connect();
      case 8:
        return host_writes();
      case 9:
        if (!ends_.empty()) {
          ends_.erase(ends_.begin() + input_.byte() % static_cast<std::ptrdiff_t>(ends_.size()));
        }
        return;
      case 10:
        return save_and_restore();
      default:
        start();
    }
  }
  void connect() {
    auto [theirs, ours] = base::make_stream_pair();
    keep(std::move(ours));
    try {
      device_->connect(input_.byte() % 4, std::move(theirs), {});
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::limit) {
        std::abort();
      }
    }
  }
  void host_writes() {
    if (!ends_.empty()) {
      const auto& end = ends_[input_.byte() % ends_.size()];
      const std::vector<std::byte> data(input_.byte() * 64U);
      [[maybe_unused]] const auto sent =
          ::send(end.get(), data.data(), data.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (input_.byte() % 4 == 0) {
        ::shutdown(end.get(), SHUT_WR);
      }
    }
  }
  void save_and_restore() {
    transport_->drain();
    const auto state = transport_->save();
    if (input_.byte() % 2 == 0) {
      transport_.reset();
      make();
      base::ByteReader reader(state, "state", "vsock");
      transport_->restore(reader);
      reader.finish();
    }
    transport_->resume();
  }

  void write_descriptor(std::uint32_t queue, std::uint16_t index, std::uint64_t address,
                        std::uint32_t length, std::uint16_t flags, std::uint16_t next) {
    const GuestAddress at{table_of(queue).value + 16ULL * (index % kQueueSize)};
    world_.memory.write_value(at, address);
    world_.memory.write_value({at.value + 8}, length);
    world_.memory.write_value({at.value + 12}, flags);
    world_.memory.write_value({at.value + 14}, next);
  }
  void offer(std::uint32_t queue, std::uint16_t head) {
    std::uint16_t& next = next_[queue];
    world_.memory.write_value({available_of(queue).value + 4 + 2ULL * (next % kQueueSize)}, head);
    ++next;
    world_.memory.write_value({available_of(queue).value + 2}, next);
    set(virtio::kMmioQueueNotify, queue);
  }
  void send_packet() {
    virtio::PacketHeader header;
    header.source_cid = input_.byte() % 16 == 0 ? input_.byte() : kCid;
    header.destination_cid = input_.byte() % 16 == 0 ? input_.byte() : virtio::kHostCid;
    header.source_port = input_.byte() % 4;
    const std::uint8_t port = input_.byte();
    // The host's side of what it connects: the last packet to the guest has it.
    header.destination_port = port % 2 == 0 ? port % 4 : last_host_port();
    header.length = input_.byte() % 8 == 0 ? input_.word() : input_.byte() * 64U;
    header.type = input_.byte() % 16 == 0 ? input_.byte() : virtio::kStreamType;
    header.operation = static_cast<virtio::PacketOperation>(input_.byte() % 9);
    header.flags = input_.byte();
    header.buffer_size = input_.byte() % 4 == 0 ? input_.word() : 0x10000;
    header.forwarded = input_.byte() % 4 == 0 ? input_.word() : 0;
    world_.memory.write(kArea, encode(header));
    write_descriptor(1, 0, kArea.value, virtio::kPacketHeaderSize, 1, 1);
    write_descriptor(1, 1, kArea.value + 64, 1U + input_.byte() * 64U, 0, 0);
    offer(1, 0);
  }
  std::uint32_t last_host_port() {
    virtio::PacketHeaderBytes raw;
    world_.memory.read({kArea.value + 0x10000}, raw);
    return virtio::parse_packet_header(raw).source_port;
  }
  void offer_buffer() {
    const std::uint32_t queue = input_.byte() % 4 == 0 ? 2 : 0;
    write_descriptor(queue, 0, kArea.value + 0x10000 * (queue + 1U), 1U + input_.byte() * 32U, 2,
                     0);
    offer(queue, 0);
  }
  void offer_anything() {
    const std::uint32_t queue = input_.byte() % 3;
    for (std::uint8_t count = input_.byte() % 4; count != 0; --count) {
      const std::uint16_t index = input_.byte() % kQueueSize;
      const std::uint64_t address =
          input_.byte() % 4 == 0 ? (static_cast<std::uint64_t>(input_.word()) << 32) : kArea.value;
      write_descriptor(queue, index, address + input_.byte() * 16U,
                       input_.byte() % 4 == 0 ? input_.word() : input_.byte() * 16U,
                       input_.byte() % 8, input_.byte() % (kQueueSize + 1));
    }
    offer(queue, input_.byte() % (kQueueSize + 1));
  }

  World& world_;
  Input input_;
  virtio::VsockDevice* device_ = nullptr;
  std::unique_ptr<virtio::MmioTransport> transport_;
  std::vector<base::UniqueFd> ends_;
  std::array<std::uint16_t, 3> next_{};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World world;
  Session session(world, Input({data, size}));
  session.run();
  return 0;
}
