// SPDX-License-Identifier: Apache-2.0

// Credit, backpressure, and how streams end.
#include <sys/socket.h>

#include <atomic>
#include <thread>

#include <catch2/catch_test_macros.hpp>

#include "virtio/vsock/socket_rig.h"

namespace faasnap::virtio::test {
namespace {}  // namespace

TEST_CASE("The guest asks for the host's credit and is told") {
  SocketRig rig;
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  rig.send(rig.packet(Op::data, host_port, kGuestPort), bytes_of("12345"));
  read_exactly(end, 5);
  rig.send(rig.packet(Op::credit_request, host_port, kGuestPort));
  const PacketHeader update = rig.expect(Op::credit_update, host_port, kGuestPort);
  CHECK(update.buffer_size == Connection::kReceiveBuffer);
  CHECK(update.forwarded == 5);
}

TEST_CASE("A guest that sends more than it may is reset") {
  SocketRig rig;
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  // The host reads nothing: the socket fills up, then the buffer behind it.
  const auto chunk = pattern(64 << 10);
  bool reset = false;
  for (unsigned i = 0; i < 64 && !reset; ++i) {
    rig.send(rig.packet(Op::data, host_port, kGuestPort), chunk);
    while (const auto packet = rig.poll()) {
      reset = reset || packet->header.operation == Op::reset;
    }
  }
  if (!reset) {
    rig.expect(Op::reset, host_port, kGuestPort);
  }
  CHECK(rig.connections() == 0);
}

TEST_CASE("The host's data waits for the guest's credit, and the guest is asked for it") {
  SocketRig rig;
  rig.buffer_size = 10;
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  write_all(end, bytes_of("0123456789abcdef"));
  CHECK(text_of(rig.next().data) == "0123456789");
  rig.expect(Op::credit_request, host_port, kGuestPort);
  CHECK(rig.quiet());
  rig.forwarded = 4;
  rig.send(rig.packet(Op::credit_update, host_port, kGuestPort));
  CHECK(text_of(rig.next().data) == "abcd");
  rig.expect(Op::credit_request, host_port, kGuestPort);
  rig.forwarded = 14;
  rig.send(rig.packet(Op::credit_update, host_port, kGuestPort));
  CHECK(text_of(rig.next().data) == "ef");
}

TEST_CASE("A guest that claims to have forwarded what it never got has no credit") {
  SocketRig rig;
  rig.buffer_size = 1000;
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  rig.forwarded = 5;
  rig.send(rig.packet(Op::credit_update, host_port, kGuestPort));
  write_all(end, bytes_of("data"));
  rig.expect(Op::credit_request, host_port, kGuestPort);
  CHECK(rig.quiet());
}

TEST_CASE("The host's data waits for buffers of the guest") {
  SocketRig rig({.receive_buffers = 1});
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  const auto data = pattern(20000);
  write_all(end, data);
  std::vector<std::byte> received;
  while (received.size() < data.size()) {
    const Packet packet = rig.next();
    CHECK(packet.data.size() <= 4096 - kPacketHeaderSize);
    received.insert(received.end(), packet.data.begin(), packet.data.end());
  }
  CHECK(received == data);
}

TEST_CASE("When the host stops writing, the guest is told after the last byte") {
  SocketRig rig;
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  write_all(end, bytes_of("last"));
  REQUIRE(::shutdown(end.get(), SHUT_WR) == 0);
  CHECK(text_of(rig.next().data) == "last");
  CHECK(rig.expect(Op::shutdown, host_port, kGuestPort).flags == kShutdownSend);
  rig.send(rig.packet(Op::data, host_port, kGuestPort), bytes_of("answer"));
  CHECK(text_of(read_exactly(end, 6)) == "answer");
}

TEST_CASE("When the guest stops sending, the host reads the rest and then the end") {
  SocketRig rig;
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  rig.send(rig.packet(Op::data, host_port, kGuestPort), bytes_of("rest"));
  auto shutdown = rig.packet(Op::shutdown, host_port, kGuestPort);
  shutdown.flags = kShutdownSend;
  rig.send(shutdown);
  CHECK(text_of(read_exactly(end, 4)) == "rest");
  CHECK(reaches_end(end));
  write_all(end, bytes_of("still open"));
  CHECK(text_of(rig.next().data) == "still open");
}

TEST_CASE("When the guest stops receiving, the host's writes fail") {
  SocketRig rig;
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  auto shutdown = rig.packet(Op::shutdown, host_port, kGuestPort);
  shutdown.flags = kShutdownReceive;
  rig.send(shutdown);
  CHECK(wait_until([&stream = end] { return ::send(stream.get(), "x", 1, MSG_NOSIGNAL) == -1; }));
  rig.send(rig.packet(Op::data, host_port, kGuestPort), bytes_of("one way"));
  CHECK(text_of(read_exactly(end, 7)) == "one way");
}

TEST_CASE("Data after the guest's end of data resets the connection") {
  SocketRig rig;
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  auto shutdown = rig.packet(Op::shutdown, host_port, kGuestPort);
  shutdown.flags = kShutdownSend;
  rig.send(shutdown);
  rig.send(rig.packet(Op::data, host_port, kGuestPort), bytes_of("more"));
  rig.expect(Op::reset, host_port, kGuestPort);
}

TEST_CASE("A guest that closes is answered with a reset, and the host reads to the end") {
  SocketRig rig;
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  const auto data = pattern(100 << 10);
  rig.send(rig.packet(Op::data, host_port, kGuestPort), data);
  auto shutdown = rig.packet(Op::shutdown, host_port, kGuestPort);
  shutdown.flags = kShutdownBoth;
  rig.send(shutdown);
  while (rig.next().header.operation != Op::reset) {
  }
  CHECK(read_exactly(end, data.size()) == data);
  CHECK(reaches_end(end));
  CHECK(wait_until([&] { return rig.connections() == 0; }));
}

TEST_CASE("What the guest sent before it closed reaches a host that reads late") {
  SocketRig rig;
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  const auto sent = rig.fill(host_port);
  rig.close(host_port);
  CHECK(rig.connections() == 1);
  CHECK(read_exactly(end, sent.size()) == sent);
  CHECK(reaches_end(end));
  CHECK(wait_until([&] { return rig.connections() == 0; }));
}

TEST_CASE("A packet to the guest has at most 64 KiB of data, however large its buffers are") {
  SocketRig rig({.receive_buffers = 8, .receive_size = 256 << 10});
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  const auto data = pattern(160 << 10);
  write_all(end, data);
  std::vector<std::byte> received;
  while (received.size() < data.size()) {
    const Packet packet = rig.next();
    CHECK(packet.data.size() <= (64 << 10));
    received.insert(received.end(), packet.data.begin(), packet.data.end());
  }
  CHECK(received == data);
}

TEST_CASE("When the guest closes, a host that waits to write is told although it does not read") {
  SocketRig rig;
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  rig.fill(host_port);
  std::atomic<bool> told = false;
  std::thread writer([&stream = end, &told] {
    const std::vector<std::byte> data(1 << 20);
    while (::send(stream.get(), data.data(), data.size(), MSG_NOSIGNAL) > 0) {
    }
    told = true;
  });
  auto shutdown = rig.packet(Op::shutdown, host_port, kGuestPort);
  shutdown.flags = kShutdownBoth;
  rig.send(shutdown);
  CHECK(wait_until([&] { return told.load(); }));
  ::shutdown(end.get(), SHUT_RDWR);
  writer.join();
}

TEST_CASE("A closed connection whose data the host does not read goes after a while") {
  SocketRig rig;
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  rig.fill(host_port);
  rig.close(host_port);
  CHECK(rig.connections() == 1);
  CHECK(wait_until([&] { return rig.connections() == 0; }));
  CHECK(rig.world.logged("that the host does not read"));
  CHECK(rig.world.limits.dropped_connections == 1);
}

TEST_CASE("How long data of a closed connection wait for the host is a limit of the guest") {
  SocketRig patient({.unread_data = kForever});
  SocketRig impatient({.unread_data = std::chrono::milliseconds(1)});
  const auto close_unread = [](SocketRig& rig) {
    auto [end, host_port] = rig.connect_from_host(kGuestPort);
    const auto sent = rig.fill(host_port);
    rig.close(host_port);
    return std::pair(std::move(end), sent);
  };
  const auto [end, sent] = close_unread(patient);
  const auto dropped = close_unread(impatient);
  CHECK(wait_until([&] { return impatient.connections() == 0; }));
  CHECK(patient.connections() == 1);
  CHECK(read_exactly(end, sent.size()) == sent);
  CHECK(wait_until([&] { return patient.connections() == 0; }));
  CHECK(patient.world.limits.dropped_connections == 0);
}

TEST_CASE("A reset by the guest frees a connection at once, also one that it has closed") {
  SocketRig rig;
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  rig.fill(host_port);
  SECTION("open") {}
  SECTION("closed") { rig.close(host_port); }
  rig.send(rig.packet(Op::reset, host_port, kGuestPort));
  rig.driver.on_loop([] {});
  CHECK(rig.connections() == 0);
}

TEST_CASE("A closed connection that the host has not read makes room for a new one") {
  SocketRig rig({.connections = 1});
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  rig.fill(host_port);
  rig.close(host_port);
  CHECK(rig.connections() == 1);
  CHECK(rig.connect_from_host(kGuestPort).first);
  CHECK(rig.connections() == 1);
  CHECK(rig.world.limits.refused_connections == 0);
  CHECK(rig.world.limits.dropped_connections == 1);
}

TEST_CASE("A host that closes lets the guest read everything, then both ends are gone") {
  SocketRig rig;
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  write_all(end, bytes_of("goodbye"));
  end.reset();
  std::string received;
  std::uint32_t flags = 0;
  while (flags != kShutdownBoth) {
    const Packet packet = rig.next();
    received += text_of(packet.data);
    flags = packet.header.operation == Op::shutdown ? packet.header.flags : flags;
  }
  CHECK(received == "goodbye");
  rig.send(rig.packet(Op::data, host_port, kGuestPort), bytes_of("nobody reads this"));
  rig.send(rig.packet(Op::reset, host_port, kGuestPort));
  CHECK(wait_until([&] { return rig.connections() == 0; }));
}

TEST_CASE("A reset by the guest closes the host's end") {
  SocketRig rig;
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  rig.send(rig.packet(Op::reset, host_port, kGuestPort));
  CHECK(reaches_end(end));
  CHECK(rig.quiet());
}

}  // namespace faasnap::virtio::test
