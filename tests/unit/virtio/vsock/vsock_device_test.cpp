// SPDX-License-Identifier: Apache-2.0

#include "virtio/vsock/vsock_device.h"

#include <faasnap/error.h>

#include <catch2/catch_test_macros.hpp>

#include <cstring>
#include <map>
#include <string>

#include "support/descriptor_limit.h"
#include "virtio/vsock/socket_rig.h"

namespace faasnap::virtio::test {
namespace {}  // namespace

TEST_CASE("The guest reads its CID from the configuration space") {
  SocketRig rig;
  std::uint64_t cid = 0;
  std::memcpy(&cid, rig.driver.read_config(0, 8).data(), 8);
  CHECK(cid == kCid);
}

TEST_CASE("CIDs that are not a guest's are refused") {
  World world;
  for (const std::uint32_t cid : {0U, 1U, 2U, 0xffffffffU}) {
    CHECK_THROWS_AS(VsockDevice(world.loop, cid, world.limits, {}), Error);
  }
}

TEST_CASE("The host connects to a port of the guest, and bytes go both ways") {
  SocketRig rig;
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  CHECK(host_port >= 1U << 30);
  write_all(end, bytes_of("ping"));
  const Packet ping = rig.next();
  CHECK(ping.header.operation == Op::data);
  CHECK(text_of(ping.data) == "ping");
  rig.send(rig.packet(Op::data, host_port, kGuestPort), bytes_of("pong"));
  CHECK(text_of(read_exactly(end, 4)) == "pong");
}

TEST_CASE("What the host writes before the guest accepts arrives afterwards") {
  SocketRig rig;
  auto attempt = rig.start_connect(kGuestPort);
  write_all(attempt.end, bytes_of("early"));
  rig.accept(kGuestPort);
  CHECK(text_of(rig.next().data) == "early");
}

TEST_CASE("A guest that refuses makes the host's connection fail and its end close") {
  SocketRig rig;
  auto attempt = rig.start_connect(kGuestPort);
  const PacketHeader request = rig.next().header;
  rig.send(rig.packet(Op::reset, request.source_port, kGuestPort));
  CHECK(wait_until([&] { return *attempt.answer == 0; }));
  CHECK(reaches_end(attempt.end));
  CHECK(rig.connections() == 0);
}

TEST_CASE("Without a driver in the guest, a connection fails at once") {
  FakeGuest guest;
  auto attempt = guest.start_connect(kGuestPort);
  CHECK(*attempt.answer == 0);
  CHECK(reaches_end(attempt.end));
}

TEST_CASE("A device that is closed answers the attempts under way, and refuses new ones") {
  SocketRig rig;
  rig.listen();
  auto [established, host_port] = rig.connect_from_host(kGuestPort);
  auto waiting = rig.start_connect(kGuestPort);
  rig.next();
  rig.driver.on_loop([&] { rig.device->close(); });
  CHECK(*waiting.answer == 0);
  CHECK(reaches_end(waiting.end));
  CHECK(reaches_end(established));
  CHECK(rig.connections() == 0);

  auto late = rig.start_connect(kGuestPort);
  CHECK(*late.answer == 0);
  rig.send(rig.packet(Op::request, kHostPort, kGuestPort));
  rig.expect(Op::reset, kHostPort, kGuestPort);
}

TEST_CASE("A host that closes its end before the guest has answered gives up") {
  SocketRig rig;
  auto attempt = rig.start_connect(kGuestPort);
  const PacketHeader request = rig.next().header;
  attempt.end.reset();
  CHECK(wait_until([&] { return *attempt.answer == 0; }));
  rig.expect(Op::reset, request.source_port, kGuestPort);
  CHECK(rig.connections() == 0);
}

TEST_CASE("Connections of the host have different ports") {
  SocketRig rig;
  auto [first, first_port] = rig.connect_from_host(kGuestPort);
  auto [second, second_port] = rig.connect_from_host(kGuestPort);
  CHECK(first_port != second_port);
}

TEST_CASE("The guest connects to a listener of the host, and bytes go both ways") {
  SocketRig rig;
  rig.listen();
  const base::UniqueFd end = rig.connect_from_guest(1000);
  rig.send(rig.packet(Op::data, kHostPort, 1000), bytes_of("GET"));
  CHECK(text_of(read_exactly(end, 3)) == "GET");
  write_all(end, bytes_of("value"));
  CHECK(text_of(rig.next().data) == "value");
}

TEST_CASE("A guest that connects where nobody listens is reset") {
  SocketRig rig;
  rig.send(rig.packet(Op::request, 1, 1000));
  rig.expect(Op::reset, 1, 1000);
}

TEST_CASE("A listener that is removed takes no more connections") {
  SocketRig rig;
  rig.listen();
  const base::UniqueFd end = rig.connect_from_guest(1000);
  rig.driver.on_loop([&] { rig.device->listen(kHostPort, {}); });
  rig.send(rig.packet(Op::request, kHostPort, 1001));
  rig.expect(Op::reset, kHostPort, 1001);
}

TEST_CASE("A listener that throws costs its connection only, whatever it throws") {
  SocketRig rig;
  rig.driver.on_loop([&] {
    SECTION("an exception of the standard library") {
      rig.device->listen(kHostPort, [](base::UniqueFd) { throw std::runtime_error("no"); });
    }
    SECTION("a number") {
      rig.device->listen(kHostPort, [](base::UniqueFd) { throw 1; });
    }
  });
  rig.send(rig.packet(Op::request, kHostPort, 1000));
  rig.expect(Op::response, kHostPort, 1000);
  CHECK(rig.expect(Op::shutdown, kHostPort, 1000).flags != 0);
  CHECK(rig.world.logged("listener of port 6379 failed"));
  CHECK(rig.connect_from_host(kGuestPort).first);
}

TEST_CASE("A callback that throws anything when its connection ends hurts nothing else") {
  SocketRig rig;
  auto [theirs, ours] = base::make_stream_pair();
  rig.driver.on_loop([&rig, &stream = theirs] {
    rig.device->connect(kGuestPort, std::move(stream), [](bool) { throw 1; });
  });
  rig.driver.write32(kStatus, 0);
  CHECK(rig.world.logged("the callback of a connection failed: unknown exception"));
  rig.start();
  CHECK(rig.connect_from_host(kGuestPort).first);
}

TEST_CASE("Two hundred connections live side by side") {
  // Each has two ends in this process.
  faasnap::test::require_descriptors(1024);
  SocketRig rig({.connections = 200});
  rig.listen();
  std::map<std::uint32_t, base::UniqueFd> from_guest;
  std::vector<std::pair<base::UniqueFd, std::uint32_t>> from_host;
  for (std::uint32_t i = 0; i < 100; ++i) {
    from_guest[5000 + i] = rig.connect_from_guest(5000 + i);
    from_host.push_back(rig.connect_from_host(kGuestPort));
  }
  CHECK(rig.connections() == 200);
  for (std::uint32_t i = 0; i < 100; ++i) {
    const auto number = std::to_string(1000 + i);
    rig.send(rig.packet(Op::data, kHostPort, 5000 + i), bytes_of(number));
    rig.send(rig.packet(Op::data, from_host[i].second, kGuestPort), bytes_of(number));
  }
  for (std::uint32_t i = 0; i < 100; ++i) {
    CHECK(text_of(read_exactly(from_guest[5000 + i], 4)) == std::to_string(1000 + i));
    CHECK(text_of(read_exactly(from_host[i].first, 4)) == std::to_string(1000 + i));
    write_all(from_host[i].first, bytes_of(std::to_string(2000 + i)));
    const Packet packet = rig.next();
    CHECK(packet.header.source_port == from_host[i].second);
    CHECK(text_of(packet.data) == std::to_string(2000 + i));
  }
}

TEST_CASE("Beyond the most connections allowed, more are refused") {
  constexpr std::uint32_t kConnections = 20;
  SocketRig rig({.connections = kConnections});
  rig.listen();
  for (std::uint32_t i = 0; i < kConnections; ++i) {
    rig.send(rig.packet(Op::request, kHostPort, 10000 + i));
    rig.expect(Op::response, kHostPort, 10000 + i);
  }
  for (std::uint32_t i = 0; i < 10; ++i) {
    rig.send(rig.packet(Op::request, kHostPort, 20000 + i));
    rig.expect(Op::reset, kHostPort, 20000 + i);
  }
  CHECK(rig.connections() == kConnections);
  CHECK(rig.world.limits.refused_connections == 10);
  CHECK(rig.world.logged("refused a connection: 20 vsock connections exist"));
  try {
    rig.start_connect(kGuestPort);
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::limit);
  }
  CHECK(rig.world.limits.refused_connections == 11);
}

TEST_CASE("A reset of the device closes every connection") {
  SocketRig rig;
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  auto attempt = rig.start_connect(kGuestPort);
  rig.driver.write32(kStatus, 0);
  CHECK(reaches_end(end));
  CHECK(reaches_end(attempt.end));
  CHECK(*attempt.answer == 0);
  rig.start();
  CHECK(rig.connect_from_host(kGuestPort).first);
}

}  // namespace faasnap::virtio::test
