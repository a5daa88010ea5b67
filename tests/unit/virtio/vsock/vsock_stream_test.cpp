// SPDX-License-Identifier: Apache-2.0

// Many bytes through one connection, in both directions at once, past every limit of flow control.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <thread>

#include "virtio/vsock/socket_rig.h"

namespace faasnap::virtio::test {
namespace {

constexpr std::size_t kTotal = 10 << 20;

// The host's application: writes `out` and reads until it has as much as the guest sends, a little
// at a time.
class HostPeer {
 public:
  HostPeer(const base::UniqueFd& end, const std::vector<std::byte>& out, std::size_t expected,
           std::size_t step)
      : writer_([&end, &out, step] { write_in_steps(end, out, step); }),
        reader_([this, &end, expected, step] {
          read_in_steps(end, expected, step);
          done_ = true;
        }) {}

  bool done() const { return done_; }
  const std::vector<std::byte>& received() {
    writer_.join();
    reader_.join();
    return received_;
  }

 private:
  static void write_in_steps(const base::UniqueFd& end, std::span<const std::byte> out,
                             std::size_t step) {
    while (!out.empty()) {
      const ssize_t length =
          ::send(end.get(), out.data(), std::min(step, out.size()), MSG_NOSIGNAL);
      if (length <= 0) {
        return;
      }
      out = out.subspan(static_cast<std::size_t>(length));
    }
    ::shutdown(end.get(), SHUT_WR);
  }
  void read_in_steps(const base::UniqueFd& end, std::size_t expected, std::size_t step) {
    std::vector<std::byte> piece(step);
    while (received_.size() < expected) {
      const ssize_t length = ::read(end.get(), piece.data(), piece.size());
      if (length <= 0) {
        return;
      }
      received_.insert(received_.end(), piece.begin(), piece.begin() + length);
    }
  }

  std::vector<std::byte> received_;
  std::atomic<bool> done_{false};
  std::thread writer_;
  std::thread reader_;
};

// The guest's application: sends `out` as the host's credit allows, and takes what comes, telling
// of its own credit as Linux does.
std::vector<std::byte> run_guest(FakeGuest& guest, std::uint32_t host_port,
                                 const std::vector<std::byte>& out, const HostPeer& host) {
  std::vector<std::byte> received;
  std::size_t sent = 0;
  std::uint32_t host_forwarded = 0;
  std::uint32_t told = 0;
  bool ended = false;
  const bool finished = wait_until([&] {
    bool moved = true;
    while (moved) {
      moved = false;
      while (const auto packet = guest.poll()) {
        moved = true;
        host_forwarded = packet->header.forwarded;
        ended = ended || packet->header.operation == Op::shutdown;
        received.insert(received.end(), packet->data.begin(), packet->data.end());
        // The limit that the device must keep.
        REQUIRE(static_cast<std::uint32_t>(received.size()) - told <= guest.buffer_size);
        guest.forwarded = static_cast<std::uint32_t>(received.size());
        if (packet->header.operation == Op::credit_request ||
            guest.forwarded - told >= guest.buffer_size / 2) {
          told = guest.forwarded;
          guest.send(guest.packet(Op::credit_update, host_port, kGuestPort));
        }
      }
      const std::size_t in_flight = static_cast<std::uint32_t>(sent) - host_forwarded;
      const std::size_t length =
          std::min({out.size() - sent, Connection::kReceiveBuffer - in_flight,
                    static_cast<std::size_t>(64 << 10)});
      if (length != 0) {
        told = guest.forwarded;
        guest.send(guest.packet(Op::data, host_port, kGuestPort),
                   std::span(out).subspan(sent, length));
        sent += length;
        moved = true;
      }
    }
    return sent == out.size() && ended && host.done();
  });
  CHECK(finished);
  return received;
}

void exchange(FakeGuest& guest, std::size_t total, std::size_t host_step) {
  guest.start();
  auto connected = guest.connect_from_host(kGuestPort);
  const base::UniqueFd& end = connected.first;
  const auto from_host = pattern(total, 1);
  const auto from_guest = pattern(total, 2);
  HostPeer host(end, from_host, from_guest.size(), host_step);
  const auto received = run_guest(guest, connected.second, from_guest, host);
  // If the guest gave up, the host's application would wait for ever.
  ::shutdown(end.get(), SHUT_RDWR);
  CHECK(received == from_host);
  CHECK(host.received() == from_guest);
  CHECK((guest.driver.status() & kNeedsReset) == 0);
}

}  // namespace

TEST_CASE("Ten megabytes go each way with room to spare") {
  FakeGuest guest;
  exchange(guest, kTotal, 64 << 10);
}

TEST_CASE("Ten megabytes go each way through small buffers") {
  FakeGuest guest({.receive_buffers = 4, .receive_size = 1024});
  guest.buffer_size = 5000;
  exchange(guest, kTotal, 3001);
}

TEST_CASE("A megabyte goes each way with one receive buffer and a host that dribbles") {
  FakeGuest guest({.receive_buffers = 1, .receive_size = 300});
  guest.buffer_size = 1000;
  exchange(guest, 1 << 20, 97);
}

TEST_CASE("A host that does not read holds back its own connection only") {
  FakeGuest guest;
  guest.start();
  auto [stuck, stuck_port] = guest.connect_from_host(kGuestPort);
  auto [lively, lively_port] = guest.connect_from_host(kGuestPort);
  // The stream that is not read gets as much as its credit allows.
  std::uint32_t forwarded = 0;
  std::uint32_t sent = 0;
  const auto chunk = pattern(16 << 10);
  while (sent + chunk.size() - forwarded <= Connection::kReceiveBuffer) {
    guest.send(guest.packet(Op::data, stuck_port, kGuestPort), chunk);
    sent += static_cast<std::uint32_t>(chunk.size());
    guest.send(guest.packet(Op::credit_request, stuck_port, kGuestPort));
    forwarded = guest.expect(Op::credit_update, stuck_port, kGuestPort).forwarded;
  }
  guest.send(guest.packet(Op::data, lively_port, kGuestPort), bytes_of("through"));
  CHECK(text_of(read_exactly(lively, 7)) == "through");
  // Once the host reads, the guest learns that there is room again.
  read_exactly(stuck, sent);
  CHECK(guest.expect(Op::credit_update, stuck_port, kGuestPort).forwarded > forwarded);
}

}  // namespace faasnap::virtio::test
