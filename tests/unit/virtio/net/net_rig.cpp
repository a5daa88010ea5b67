// SPDX-License-Identifier: Apache-2.0

#include "virtio/net/net_rig.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "virtio/net/stream_backend.h"

namespace faasnap::virtio::test {
namespace {

constexpr int kPatience = 30'000;  // milliseconds

void read_all(const base::UniqueFd& fd, std::span<std::byte> out) {
  while (!out.empty()) {
    pollfd waiting{fd.get(), POLLIN, 0};
    if (::poll(&waiting, 1, kPatience) != 1) {
      throw std::runtime_error("no frame comes");
    }
    const ssize_t got = ::recv(fd.get(), out.data(), out.size(), 0);
    if (got <= 0) {
      throw std::runtime_error("the socket ends within a frame");
    }
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

}  // namespace

NetGuest::NetGuest(std::unique_ptr<NetBackend> backend, const NetIdentity& identity,
                   const NetworkLimits& rates)
    : limits{.allowed = {.network = rates}}, driver(world, make(std::move(backend), identity)) {}

std::unique_ptr<NetDevice> NetGuest::make(std::unique_ptr<NetBackend> backend,
                                          const NetIdentity& identity) {
  auto made =
      std::make_unique<NetDevice>(world.loop, std::move(backend), identity, limits, world.log());
  device = made.get();
  return made;
}

Buffer NetGuest::buffer(std::uint32_t size, bool writable) {
  return {driver.allocator.take(size), size, writable};
}

Buffer NetGuest::filled(const Bytestring& bytes, std::size_t offset, std::uint32_t size) {
  const Buffer made = buffer(size, false);
  world.memory.write(made.address, std::span(bytes).subspan(offset, size));
  return made;
}

void NetGuest::offer(const std::vector<std::uint32_t>& sizes) {
  for (const std::uint32_t size : sizes) {
    const std::vector<Buffer> chain{buffer(size, true)};
    offered_.at(driver.queues[kReceive].add(chain)) = chain;
  }
  driver.kick(kReceive);
}

void NetGuest::offer_chain(const std::vector<std::uint32_t>& sizes) {
  std::vector<Buffer> chain;
  for (const std::uint32_t size : sizes) {
    chain.push_back(buffer(size, true));
  }
  offered_.at(driver.queues[kReceive].add_indirect(chain)) = chain;
  driver.kick(kReceive);
}

Bytestring NetGuest::receive() {
  Bytestring packet;
  const auto append = [&](const Used& used) {
    std::size_t left = used.length;
    for (const Buffer& part : offered_.at(used.head)) {
      const std::size_t length = std::min<std::size_t>(left, part.length);
      const auto view = world.memory.view(part.address, length).value();
      packet.insert(packet.end(), view.begin(), view.end());
      left -= length;
    }
    CHECK(left == 0);
  };
  append(driver.wait_used(kReceive));
  std::uint16_t chains = 0;
  std::memcpy(&chains, packet.data() + 10, sizeof(chains));
  // A driver expects the others to be there once the first is.
  for (std::uint16_t i = 1; i < chains; ++i) {
    append(driver.queues[kReceive].take_used().value());
  }
  return packet;
}

bool NetGuest::nothing_received() {
  driver.on_loop([this] { device->notify(); });
  return !driver.queues[kReceive].take_used();
}

void NetGuest::post(const Bytestring& packet, const std::vector<std::uint32_t>& pieces) {
  std::vector<Buffer> chain;
  std::size_t offset = 0;
  for (const std::uint32_t size : pieces) {
    chain.push_back(filled(packet, offset, size));
    offset += size;
  }
  if (offset < packet.size()) {
    chain.push_back(filled(packet, offset, static_cast<std::uint32_t>(packet.size() - offset)));
  }
  driver.queues[kTransmit].add_indirect(chain);
  driver.kick(kTransmit);
}

void NetGuest::send_frame(const Bytestring& frame, const std::vector<std::uint32_t>& pieces) {
  send(packet_of(frame), pieces);
}

std::byte NetGuest::command(const Bytestring& bytes) {
  const Buffer answer = buffer(1, true);
  driver.queues[kCommands].add(
      {filled(bytes, 0, static_cast<std::uint32_t>(bytes.size())), answer});
  driver.kick(kCommands);
  CHECK(driver.wait_used(kCommands).length == 1);
  return world.memory.read_value<std::byte>(answer.address).value();
}

std::uint16_t NetGuest::link_status() {
  std::uint16_t status = 0;
  std::memcpy(&status, driver.read_config(6, sizeof(status)).data(), sizeof(status));
  return status;
}

void NetGuest::expect_fault(std::string_view reason) {
  driver.transport->notifier().signal();
  CHECK(wait_until([this] { return (driver.status() & kNeedsReset) != 0; }));
  CHECK(world.logged(reason));
}

Bytestring frame_of(std::size_t size, std::uint32_t seed) {
  Bytestring frame = pattern(size, seed);
  std::fill_n(frame.begin(), 6, std::byte{0xff});
  for (std::size_t i = 0; i < kAddress.size(); ++i) {
    frame[6 + i] = std::byte{kAddress[i]};
  }
  frame[12] = std::byte{0x88};
  frame[13] = std::byte{0xb5};
  return frame;
}

Bytestring packet_of(const Bytestring& frame) {
  Bytestring packet(kNetHeaderSize);
  packet.insert(packet.end(), frame.begin(), frame.end());
  return packet;
}

Bytestring frame_in(const Bytestring& packet) {
  return {packet.begin() + kNetHeaderSize, packet.end()};
}

StreamRig::StreamRig(std::pair<base::UniqueFd, base::UniqueFd> ends, const NetworkLimits& rates,
                     const NetIdentity& identity)
    : NetGuest(std::make_unique<StreamBackend>(std::move(ends.first)), identity, rates),
      host(std::move(ends.second)) {}

void StreamRig::host_send_raw(const Bytestring& bytes) {
  REQUIRE(::send(host.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(bytes.size()));
}

void StreamRig::host_send(const Bytestring& frame) {
  Bytestring bytes;
  for (const int shift : {24, 16, 8, 0}) {
    bytes.push_back(static_cast<std::byte>(frame.size() >> shift));
  }
  bytes.insert(bytes.end(), frame.begin(), frame.end());
  host_send_raw(bytes);
}

Bytestring StreamRig::host_receive() {
  std::array<std::byte, 4> prefix{};
  read_all(host, prefix);
  std::size_t length = 0;
  for (const std::byte byte : prefix) {
    length = length << 8 | static_cast<std::size_t>(byte);
  }
  Bytestring frame(length);
  read_all(host, frame);
  return frame;
}

}  // namespace faasnap::virtio::test
