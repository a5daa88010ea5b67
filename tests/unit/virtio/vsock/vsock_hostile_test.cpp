// SPDX-License-Identifier: Apache-2.0

// Packets and buffers that no driver may send.
#include <malloc.h>

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <filesystem>
#include <iterator>

#include "virtio/vsock/socket_rig.h"

namespace faasnap::virtio::test {

TEST_CASE("A packet for a connection that is not there is answered with a reset") {
  SocketRig rig;
  for (const Op operation :
       {Op::data, Op::response, Op::shutdown, Op::credit_update, Op::credit_request}) {
    rig.send(rig.packet(operation, 77, 88));
    rig.expect(Op::reset, 77, 88);
  }
}

TEST_CASE("A reset is never answered") {
  SocketRig rig;
  rig.send(rig.packet(Op::reset, 77, 88));
  CHECK(rig.quiet());
}

TEST_CASE("A packet to another CID is answered with a reset from there") {
  SocketRig rig;
  auto packet = rig.packet(Op::request, 77, 88);
  packet.destination_cid = 5;
  rig.send(packet);
  const PacketHeader answer = rig.next().header;
  CHECK(answer.operation == Op::reset);
  CHECK(answer.source_cid == 5);
}

TEST_CASE("A packet with a forged source is dropped") {
  SocketRig rig;
  rig.listen();
  auto packet = rig.packet(Op::request, kHostPort, 88);
  packet.source_cid = kCid + 1;
  rig.send(packet);
  CHECK(rig.quiet());
  CHECK(rig.connections() == 0);
}

TEST_CASE("A packet of another socket type is answered with a reset") {
  SocketRig rig;
  rig.listen();
  auto packet = rig.packet(Op::request, kHostPort, 88);
  packet.type = 2;
  rig.send(packet);
  const PacketHeader answer = rig.next().header;
  CHECK(answer.operation == Op::reset);
  CHECK(answer.type == 2);
}

TEST_CASE("An unknown operation on a connection resets it") {
  SocketRig rig;
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  rig.send(rig.packet(static_cast<Op>(99), host_port, kGuestPort));
  rig.expect(Op::reset, host_port, kGuestPort);
  CHECK(reaches_end(end));
  CHECK(rig.connections() == 0);
}

TEST_CASE("An unknown operation without a connection is answered with a reset") {
  SocketRig rig;
  rig.send(rig.packet(static_cast<Op>(0), 5, 6));
  rig.expect(Op::reset, 5, 6);
}

TEST_CASE("A second request for the same ports resets the connection") {
  SocketRig rig;
  rig.listen();
  const base::UniqueFd end = rig.connect_from_guest(1000);
  rig.send(rig.packet(Op::request, kHostPort, 1000));
  rig.expect(Op::reset, kHostPort, 1000);
  CHECK(reaches_end(end));
}

TEST_CASE("Data in place of an answer resets the connection attempt") {
  SocketRig rig;
  auto attempt = rig.start_connect(kGuestPort);
  const PacketHeader request = rig.next().header;
  rig.send(rig.packet(Op::data, request.source_port, kGuestPort), bytes_of("too soon"));
  rig.expect(Op::reset, request.source_port, kGuestPort);
  CHECK(wait_until([&] { return *attempt.answer == 0; }));
}

TEST_CASE("A length beyond the buffers resets the connection and hands nothing on") {
  SocketRig rig;
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  rig.send_lying(rig.packet(Op::data, host_port, kGuestPort), 4097, std::vector<std::byte>(4096));
  rig.expect(Op::reset, host_port, kGuestPort);
  CHECK(reaches_end(end));
  rig.send_lying(rig.packet(Op::data, 1, 2), 0xffffffff, {});
  rig.expect(Op::reset, 1, 2);
}

TEST_CASE("A length short of the buffers hands on that many bytes") {
  SocketRig rig;
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  rig.send_lying(rig.packet(Op::data, host_port, kGuestPort), 3, bytes_of("abcdef"));
  rig.send(rig.packet(Op::data, host_port, kGuestPort), bytes_of("gh"));
  CHECK(text_of(read_exactly(end, 5)) == "abcgh");
}

TEST_CASE("A packet shorter than its header stops the device") {
  SocketRig rig;
  rig.driver.queues[1].add({{rig.driver.allocator.take(43), 43, false}});
  rig.driver.kick(1);
  CHECK(rig.needs_reset());
}

TEST_CASE("A receive buffer without room for data stops the device") {
  SocketRig rig({.receive_buffers = 0});
  rig.driver.queues[0].add({{rig.driver.allocator.take(44), 44, true}});
  rig.driver.kick(0);
  rig.send(rig.packet(Op::data, 1, 2));
  CHECK(rig.needs_reset());
}

TEST_CASE("A guest that floods without giving buffers is held back, then answered in full") {
  SocketRig rig({.receive_buffers = 0});
  constexpr unsigned kPackets = 1000;
  unsigned sent = 0;
  const auto packet = rig.packet(Op::data, 1, 2);
  const GuestAddress address = rig.driver.allocator.take(kPacketHeaderSize);
  rig.world.memory.write(address, encode(packet));
  FakeQueue& transmit = rig.driver.queues[1];
  const auto fill = [&] {
    while (sent < kPackets && transmit.room() != 0) {
      transmit.add({{address, kPacketHeaderSize, false}});
      ++sent;
    }
    rig.driver.kick(1);
    while (transmit.take_used()) {
    }
  };
  for (unsigned i = 0; i < 100; ++i) {
    fill();
    rig.driver.on_loop([] {});
  }
  CHECK(sent < kPackets);
  FakeQueue& receive = rig.driver.queues[0];
  const GuestAddress buffer = rig.driver.allocator.take(4096);
  unsigned answers = 0;
  CHECK(wait_until([&] {
    while (receive.room() != 0) {
      receive.add({{buffer, 4096, true}});
    }
    rig.driver.kick(0);
    while (receive.take_used()) {
      ++answers;
    }
    fill();
    return answers == kPackets;
  }));
}

TEST_CASE("A guest without receive buffers that opens and resets connections costs nothing") {
  SocketRig rig({.receive_buffers = 0, .connections = 8});
  rig.driver.on_loop([&] { rig.device->listen(kHostPort, [](base::UniqueFd) {}); });
  const auto come_and_go = [&](unsigned times) {
    for (unsigned i = 0; i < times; ++i) {
      rig.send(rig.packet(Op::request, kHostPort, 1000));
      rig.send(rig.packet(Op::reset, kHostPort, 1000));
    }
    CHECK(wait_until([&] { return rig.connections() == 0; }));
  };
  come_and_go(100);  // what is made once is made
  const std::size_t before = ::mallinfo2().uordblks;
  constexpr unsigned kTimes = 10000;
  come_and_go(kTimes);
  // Not even two numbers for each.
  CHECK(::mallinfo2().uordblks < before + kTimes * sizeof(PortPair) / 2);
}

TEST_CASE(
    "A connection that the host closes at once holds no descriptor, whatever the guest does") {
  SocketRig rig({.receive_buffers = 0});
  const auto descriptors = [] {
    const std::filesystem::directory_iterator open("/proc/self/fd");
    return std::distance(begin(open), end(open));
  };
  rig.driver.on_loop([&] { rig.device->listen(kHostPort, [](base::UniqueFd) {}); });
  const auto before = descriptors();
  for (std::uint32_t port = 1; port <= 100; ++port) {
    rig.send(rig.packet(Op::request, kHostPort, port));
  }
  // All have been seen by then, and the guest has not been told of their end.
  CHECK(wait_until([&] { return rig.connections() == 100 && descriptors() == before; }));
}

}  // namespace faasnap::virtio::test
