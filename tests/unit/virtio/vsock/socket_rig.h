// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "virtio/vsock/fake_guest.h"

namespace faasnap::virtio::test {

using Op = PacketOperation;

inline constexpr std::uint32_t kGuestPort = 8080;
inline constexpr std::uint32_t kHostPort = 6379;

// A guest with a running driver.
struct SocketRig : FakeGuest {
  SocketRig() { start(); }
  explicit SocketRig(Shape shape_in) : FakeGuest(shape_in) { start(); }

  // Listens on kHostPort and keeps the accepted ends.
  void listen() {
    driver.on_loop([this] {
      device->listen(kHostPort, [this](base::UniqueFd end) {
        const std::lock_guard lock(mutex);
        accepted.push_back(std::move(end));
      });
    });
  }
  // Connects the guest from `guest_port` to kHostPort. Returns the host's end.
  base::UniqueFd connect_from_guest(std::uint32_t guest_port) {
    send(packet(Op::request, kHostPort, guest_port));
    expect(Op::response, kHostPort, guest_port);
    REQUIRE(wait_until([this] {
      const std::lock_guard lock(mutex);
      return !accepted.empty();
    }));
    const std::lock_guard lock(mutex);
    base::UniqueFd end = std::move(accepted.front());
    accepted.pop_front();
    return end;
  }
  // Sends what the host does not read until the device's buffer is as full as the guest may make
  // it. Returns all that was sent.
  std::vector<std::byte> fill(std::uint32_t host_port) {
    std::vector<std::byte> sent;
    std::uint32_t taken = 0;
    const auto chunk = pattern(32 << 10);
    while (sent.size() + chunk.size() - taken <= Connection::kReceiveBuffer) {
      send(packet(Op::data, host_port, kGuestPort), chunk);
      sent.insert(sent.end(), chunk.begin(), chunk.end());
      send(packet(Op::credit_request, host_port, kGuestPort));
      taken = expect(Op::credit_update, host_port, kGuestPort).forwarded;
    }
    CHECK(taken < sent.size());
    return sent;
  }
  // Closes the guest's end.
  void close(std::uint32_t host_port) {
    auto shutdown = packet(Op::shutdown, host_port, kGuestPort);
    shutdown.flags = kShutdownBoth;
    send(shutdown);
    expect(Op::reset, host_port, kGuestPort);
  }
  std::size_t connections() {
    std::size_t count = 0;
    driver.on_loop([&] { count = device->connections(); });
    return count;
  }
  bool needs_reset() {
    return wait_until([this] { return (driver.status() & kNeedsReset) != 0; });
  }

  std::mutex mutex;
  std::deque<base::UniqueFd> accepted;
};

}  // namespace faasnap::virtio::test
