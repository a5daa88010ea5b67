// SPDX-License-Identifier: Apache-2.0

#include "virtio/vsock/fake_guest.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <thread>

namespace faasnap::virtio::test {
namespace {

constexpr std::size_t kSocketReceive = 0;
constexpr std::size_t kSocketTransmit = 1;
constexpr std::size_t kEvent = 2;
constexpr std::uint32_t kTransmitSize = 128 << 10;
constexpr std::size_t kTransmitAreas = 32;
constexpr std::size_t kCopied = 32 << 20;  // where everything that a guest allocates lies

bool ready(const base::UniqueFd& fd, short events) {
  pollfd state{.fd = fd.get(), .events = events, .revents = 0};
  return ::poll(&state, 1, 10000) == 1;
}

}  // namespace

FakeGuest::FakeGuest(Shape shape_in)
    : world({.connections = shape_in.connections, .unread_data = shape_in.unread_data}),
      shape(shape_in),
      device(nullptr),
      driver(world, [this] {
        auto made = std::make_unique<VsockDevice>(world.loop, kCid, world.limits, world.log());
        device = made.get();
        return made;
      }()) {}

FakeGuest::~FakeGuest() { CHECK(world.failures() == 0); }

void FakeGuest::start() {
  driver.start();
  receive_area_.assign(driver.queues[kSocketReceive].layout().size, {});
  event_area_.assign(driver.queues[kEvent].layout().size, {});
  transmit_area_.assign(driver.queues[kSocketTransmit].layout().size, {});
  transmit_free_.clear();
  for (unsigned i = 0; i < shape.receive_buffers; ++i) {
    add_receive_buffer(driver.allocator.take(shape.receive_size));
  }
  for (std::size_t i = 0; i < kTransmitAreas; ++i) {
    transmit_free_.push_back(driver.allocator.take(kTransmitSize));
  }
  for (unsigned i = 0; i < shape.event_buffers; ++i) {
    const GuestAddress address = driver.allocator.take(4);
    event_area_[driver.queues[kEvent].add({{address, 4, true}})] = address;
  }
  driver.kick(kSocketReceive);
  driver.kick(kEvent);
}

void FakeGuest::restore_from(FakeGuest& saved) {
  const auto source = saved.world.memory.host().first(kCopied);
  std::copy(source.begin(), source.end(), world.memory.host().begin());
  driver.restore(saved.driver.save());
  driver.allocator = saved.driver.allocator;
  for (const FakeQueue& queue : saved.driver.queues) {
    driver.queues.push_back(queue.moved_to(world.memory, driver.allocator));
  }
  receive_area_ = saved.receive_area_;
  event_area_ = saved.event_area_;
  transmit_area_ = saved.transmit_area_;
  transmit_free_ = saved.transmit_free_;
}

void FakeGuest::add_receive_buffer(GuestAddress address) {
  // Puts the header into a buffer of its own, as Linux up to 6.2 does.
  const auto head = driver.queues[kSocketReceive].add(
      {{address, kPacketHeaderSize, true},
       {{address.value + kPacketHeaderSize},
        static_cast<std::uint32_t>(shape.receive_size - kPacketHeaderSize),
        true}});
  receive_area_[head] = address;
}

PacketHeader FakeGuest::packet(PacketOperation operation, std::uint32_t host_port,
                               std::uint32_t guest_port) const {
  PacketHeader header;
  header.source_cid = kCid;
  header.destination_cid = kHostCid;
  header.source_port = guest_port;
  header.destination_port = host_port;
  header.operation = operation;
  header.buffer_size = buffer_size;
  header.forwarded = forwarded;
  return header;
}

void FakeGuest::send(const PacketHeader& header, std::span<const std::byte> data) {
  PacketHeader whole = header;
  whole.length = static_cast<std::uint32_t>(data.size());
  transmit(whole, data);
}

void FakeGuest::send_lying(PacketHeader header, std::uint32_t length,
                           std::span<const std::byte> data) {
  header.length = length;
  transmit(header, data);
}

void FakeGuest::transmit(const PacketHeader& header, std::span<const std::byte> data) {
  const bool room = wait_until([this] {
    while (const auto used = driver.queues[kSocketTransmit].take_used()) {
      transmit_free_.push_back(transmit_area_[used->head]);
    }
    return !transmit_free_.empty();
  });
  if (!room) {
    throw std::runtime_error("the device does not take packets");
  }
  const GuestAddress address = transmit_free_.back();
  transmit_free_.pop_back();
  const GuestAddress body{address.value + kPacketHeaderSize};
  world.memory.write(address, encode(header));
  std::vector<Buffer> buffers{{address, kPacketHeaderSize, false}};
  if (!data.empty()) {
    world.memory.write(body, data);
    buffers.push_back({body, static_cast<std::uint32_t>(data.size()), false});
  }
  transmit_area_[driver.queues[kSocketTransmit].add(buffers)] = address;
  driver.kick(kSocketTransmit);
}

void FakeGuest::collect() {
  bool any = false;
  while (const auto used = driver.queues[kSocketReceive].take_used()) {
    const GuestAddress address = receive_area_[used->head];
    PacketHeaderBytes raw;
    world.memory.read(address, raw);
    Packet packet{parse_packet_header(raw), {}};
    REQUIRE(used->length == kPacketHeaderSize + packet.header.length);
    if (packet.header.length != 0) {
      packet.data.resize(packet.header.length);
      world.memory.read({address.value + kPacketHeaderSize}, packet.data);
    }
    received_.push_back(std::move(packet));
    add_receive_buffer(address);
    any = true;
  }
  if (any) {
    driver.kick(kSocketReceive);
  }
}

std::optional<Packet> FakeGuest::poll() {
  if (received_.empty()) {
    collect();
  }
  if (received_.empty()) {
    return std::nullopt;
  }
  Packet packet = std::move(received_.front());
  received_.pop_front();
  return packet;
}

Packet FakeGuest::next() {
  std::optional<Packet> packet;
  REQUIRE(wait_until([&] { return (packet = poll()).has_value(); }));
  return *packet;
}

PacketHeader FakeGuest::expect(PacketOperation operation, std::uint32_t host_port,
                               std::uint32_t guest_port) {
  const PacketHeader header = next().header;
  CHECK(header.operation == operation);
  CHECK(header.source_cid == kHostCid);
  CHECK(header.destination_cid == kCid);
  CHECK(header.source_port == host_port);
  CHECK(header.destination_port == guest_port);
  CHECK(header.type == kStreamType);
  return header;
}

bool FakeGuest::quiet() {
  for (unsigned i = 0; i < 20; ++i) {
    if (poll()) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

std::uint32_t FakeGuest::accept(std::uint32_t guest_port) {
  const PacketHeader request = next().header;
  CHECK(request.operation == PacketOperation::request);
  CHECK(request.destination_port == guest_port);
  send(packet(PacketOperation::response, request.source_port, guest_port));
  return request.source_port;
}

FakeGuest::Attempt FakeGuest::start_connect(std::uint32_t guest_port) {
  auto [theirs, ours] = base::make_stream_pair();
  auto answer = std::make_shared<std::atomic<int>>(-1);
  auto given = std::make_shared<base::UniqueFd>(std::move(theirs));
  driver.on_loop([&] {
    device->connect(guest_port, std::move(*given),
                    [answer](bool accepted) { *answer = accepted ? 1 : 0; });
  });
  return {std::move(ours), answer};
}

std::pair<base::UniqueFd, std::uint32_t> FakeGuest::connect_from_host(std::uint32_t guest_port) {
  Attempt attempt = start_connect(guest_port);
  const std::uint32_t host_port = accept(guest_port);
  REQUIRE(wait_until([&] { return *attempt.answer == 1; }));
  return {std::move(attempt.end), host_port};
}

unsigned FakeGuest::take_events(bool recycle) {
  unsigned count = 0;
  while (const auto used = driver.queues[kEvent].take_used()) {
    CHECK(used->length == 4);
    const GuestAddress address = event_area_[used->head];
    CHECK(world.memory.read_value<std::uint32_t>(address) == 0U);
    ++count;
    if (recycle) {
      event_area_[driver.queues[kEvent].add({{address, 4, true}})] = address;
    }
  }
  if (recycle && count != 0) {
    driver.kick(kEvent);
  }
  return count;
}

std::vector<std::byte> read_exactly(const base::UniqueFd& fd, std::size_t size) {
  std::vector<std::byte> out(size);
  std::size_t done = 0;
  while (done < size) {
    REQUIRE(ready(fd, POLLIN));
    const ssize_t length = ::read(fd.get(), out.data() + done, size - done);
    REQUIRE(length > 0);
    done += static_cast<std::size_t>(length);
  }
  return out;
}

void write_all(const base::UniqueFd& fd, std::span<const std::byte> data) {
  while (!data.empty()) {
    REQUIRE(ready(fd, POLLOUT));
    const ssize_t length = ::send(fd.get(), data.data(), data.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    REQUIRE(length > 0);
    data = data.subspan(static_cast<std::size_t>(length));
  }
}

bool reaches_end(const base::UniqueFd& fd) {
  std::byte byte;
  return ready(fd, POLLIN) && ::recv(fd.get(), &byte, 1, MSG_DONTWAIT) <= 0;
}

}  // namespace faasnap::virtio::test
