#include "virtio/vsock/vsock_device.h"

#include <faasnap/error.h>
#include <sys/socket.h>

#include <catch2/catch_test_macros.hpp>

#include <cstring>

#include "virtio/vsock/fake_guest.h"

namespace faasnap::virtio::test {
namespace {

constexpr std::uint32_t kGuestPort = 8080;
constexpr std::uint32_t kHostPort = 6379;

using Op = PacketOperation;

// A guest whose driver runs.
struct Rig : FakeGuest {
  Rig() { start(); }
  explicit Rig(Shape shape_in) : FakeGuest(shape_in) { start(); }

  // Listens on kHostPort; the ends accepted so far.
  void listen() {
    driver.on_loop([this] {
      device->listen(kHostPort, [this](base::UniqueFd end) {
        const std::lock_guard lock(mutex);
        accepted.push_back(std::move(end));
      });
    });
  }
  // The guest connects from `guest_port` to kHostPort; the host's end.
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

}  // namespace

TEST_CASE("The guest reads its CID from the configuration space") {
  Rig rig;
  std::uint64_t cid = 0;
  std::memcpy(&cid, rig.driver.read_config(0, 8).data(), 8);
  CHECK(cid == kCid);
}

TEST_CASE("CIDs that are not a guest's are refused") {
  World world;
  for (const std::uint32_t cid : {0U, 1U, 2U, 0xffffffffU}) {
    CHECK_THROWS_AS(VsockDevice(world.loop, cid, {}), Error);
  }
}

TEST_CASE("The host connects to a port of the guest, and bytes go both ways") {
  Rig rig;
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
  Rig rig;
  auto attempt = rig.start_connect(kGuestPort);
  write_all(attempt.end, bytes_of("early"));
  rig.accept(kGuestPort);
  CHECK(text_of(rig.next().data) == "early");
}

TEST_CASE("A guest that refuses makes the host's connection fail and its end close") {
  Rig rig;
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

TEST_CASE("A host that closes its end before the guest has answered gives up") {
  Rig rig;
  auto attempt = rig.start_connect(kGuestPort);
  const PacketHeader request = rig.next().header;
  attempt.end.reset();
  CHECK(wait_until([&] { return *attempt.answer == 0; }));
  rig.expect(Op::reset, request.source_port, kGuestPort);
  CHECK(rig.connections() == 0);
}

TEST_CASE("Connections of the host have different ports") {
  Rig rig;
  auto [first, first_port] = rig.connect_from_host(kGuestPort);
  auto [second, second_port] = rig.connect_from_host(kGuestPort);
  CHECK(first_port != second_port);
}

TEST_CASE("The guest connects to a listener of the host, and bytes go both ways") {
  Rig rig;
  rig.listen();
  const base::UniqueFd end = rig.connect_from_guest(1000);
  rig.send(rig.packet(Op::data, kHostPort, 1000), bytes_of("GET"));
  CHECK(text_of(read_exactly(end, 3)) == "GET");
  write_all(end, bytes_of("value"));
  CHECK(text_of(rig.next().data) == "value");
}

TEST_CASE("A guest that connects where nobody listens is reset") {
  Rig rig;
  rig.send(rig.packet(Op::request, 1, 1000));
  rig.expect(Op::reset, 1, 1000);
}

TEST_CASE("A listener that is removed takes no more connections") {
  Rig rig;
  rig.listen();
  const base::UniqueFd end = rig.connect_from_guest(1000);
  rig.driver.on_loop([&] { rig.device->listen(kHostPort, {}); });
  rig.send(rig.packet(Op::request, kHostPort, 1001));
  rig.expect(Op::reset, kHostPort, 1001);
}

TEST_CASE("A listener that throws costs its connection only") {
  Rig rig;
  rig.driver.on_loop([&] {
    rig.device->listen(kHostPort, [](base::UniqueFd) { throw std::runtime_error("no"); });
  });
  rig.send(rig.packet(Op::request, kHostPort, 1000));
  rig.expect(Op::response, kHostPort, 1000);
  CHECK(rig.expect(Op::shutdown, kHostPort, 1000).flags != 0);
  CHECK(rig.world.logged("listener of port 6379 failed"));
  CHECK(rig.connect_from_host(kGuestPort).first);
}

TEST_CASE("A packet for a connection that is not there is answered with a reset") {
  Rig rig;
  for (const Op operation :
       {Op::data, Op::response, Op::shutdown, Op::credit_update, Op::credit_request}) {
    rig.send(rig.packet(operation, 77, 88));
    rig.expect(Op::reset, 77, 88);
  }
}

TEST_CASE("A reset is never answered") {
  Rig rig;
  rig.send(rig.packet(Op::reset, 77, 88));
  CHECK(rig.quiet());
}

TEST_CASE("A packet to another CID is answered with a reset from there") {
  Rig rig;
  auto packet = rig.packet(Op::request, 77, 88);
  packet.destination_cid = 5;
  rig.send(packet);
  const PacketHeader answer = rig.next().header;
  CHECK(answer.operation == Op::reset);
  CHECK(answer.source_cid == 5);
}

TEST_CASE("A packet with a forged source is dropped") {
  Rig rig;
  rig.listen();
  auto packet = rig.packet(Op::request, kHostPort, 88);
  packet.source_cid = kCid + 1;
  rig.send(packet);
  CHECK(rig.quiet());
  CHECK(rig.connections() == 0);
}

TEST_CASE("A packet of another socket type is answered with a reset") {
  Rig rig;
  rig.listen();
  auto packet = rig.packet(Op::request, kHostPort, 88);
  packet.type = 2;
  rig.send(packet);
  const PacketHeader answer = rig.next().header;
  CHECK(answer.operation == Op::reset);
  CHECK(answer.type == 2);
}

TEST_CASE("An unknown operation on a connection resets it") {
  Rig rig;
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  rig.send(rig.packet(static_cast<Op>(99), host_port, kGuestPort));
  rig.expect(Op::reset, host_port, kGuestPort);
  CHECK(reaches_end(end));
  CHECK(rig.connections() == 0);
}

TEST_CASE("An unknown operation without a connection is answered with a reset") {
  Rig rig;
  rig.send(rig.packet(static_cast<Op>(0), 5, 6));
  rig.expect(Op::reset, 5, 6);
}

TEST_CASE("A second request for the same ports resets the connection") {
  Rig rig;
  rig.listen();
  const base::UniqueFd end = rig.connect_from_guest(1000);
  rig.send(rig.packet(Op::request, kHostPort, 1000));
  rig.expect(Op::reset, kHostPort, 1000);
  CHECK(reaches_end(end));
}

TEST_CASE("Data in place of an answer resets the connection attempt") {
  Rig rig;
  auto attempt = rig.start_connect(kGuestPort);
  const PacketHeader request = rig.next().header;
  rig.send(rig.packet(Op::data, request.source_port, kGuestPort), bytes_of("too soon"));
  rig.expect(Op::reset, request.source_port, kGuestPort);
  CHECK(wait_until([&] { return *attempt.answer == 0; }));
}

TEST_CASE("A length beyond the buffers resets the connection and hands nothing on") {
  Rig rig;
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  rig.send_lying(rig.packet(Op::data, host_port, kGuestPort), 4097, std::vector<std::byte>(4096));
  rig.expect(Op::reset, host_port, kGuestPort);
  CHECK(reaches_end(end));
  rig.send_lying(rig.packet(Op::data, 1, 2), 0xffffffff, {});
  rig.expect(Op::reset, 1, 2);
}

TEST_CASE("A length short of the buffers hands on that many bytes") {
  Rig rig;
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  rig.send_lying(rig.packet(Op::data, host_port, kGuestPort), 3, bytes_of("abcdef"));
  rig.send(rig.packet(Op::data, host_port, kGuestPort), bytes_of("gh"));
  CHECK(text_of(read_exactly(end, 5)) == "abcgh");
}

TEST_CASE("A packet shorter than its header stops the device") {
  Rig rig;
  rig.driver.queues[1].add({{rig.driver.allocator.take(43), 43, false}});
  rig.driver.kick(1);
  CHECK(rig.needs_reset());
}

TEST_CASE("A receive buffer without room for data stops the device") {
  Rig rig({.receive_buffers = 0});
  rig.driver.queues[0].add({{rig.driver.allocator.take(44), 44, true}});
  rig.driver.kick(0);
  rig.send(rig.packet(Op::data, 1, 2));
  CHECK(rig.needs_reset());
}

TEST_CASE("The guest asks for the host's credit and is told") {
  Rig rig;
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  rig.send(rig.packet(Op::data, host_port, kGuestPort), bytes_of("12345"));
  read_exactly(end, 5);
  rig.send(rig.packet(Op::credit_request, host_port, kGuestPort));
  const PacketHeader update = rig.expect(Op::credit_update, host_port, kGuestPort);
  CHECK(update.buffer_size == Connection::kReceiveBuffer);
  CHECK(update.forwarded == 5);
}

TEST_CASE("A guest that sends more than it may is reset") {
  Rig rig;
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
  Rig rig;
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
  Rig rig;
  rig.buffer_size = 1000;
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  rig.forwarded = 5;
  rig.send(rig.packet(Op::credit_update, host_port, kGuestPort));
  write_all(end, bytes_of("data"));
  rig.expect(Op::credit_request, host_port, kGuestPort);
  CHECK(rig.quiet());
}

TEST_CASE("The host's data waits for buffers of the guest") {
  Rig rig({.receive_buffers = 1});
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
  Rig rig;
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  write_all(end, bytes_of("last"));
  REQUIRE(::shutdown(end.get(), SHUT_WR) == 0);
  CHECK(text_of(rig.next().data) == "last");
  CHECK(rig.expect(Op::shutdown, host_port, kGuestPort).flags == kShutdownSend);
  rig.send(rig.packet(Op::data, host_port, kGuestPort), bytes_of("answer"));
  CHECK(text_of(read_exactly(end, 6)) == "answer");
}

TEST_CASE("When the guest stops sending, the host reads the rest and then the end") {
  Rig rig;
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
  Rig rig;
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  auto shutdown = rig.packet(Op::shutdown, host_port, kGuestPort);
  shutdown.flags = kShutdownReceive;
  rig.send(shutdown);
  CHECK(wait_until([&] { return ::send(end.get(), "x", 1, MSG_NOSIGNAL) == -1; }));
  rig.send(rig.packet(Op::data, host_port, kGuestPort), bytes_of("one way"));
  CHECK(text_of(read_exactly(end, 7)) == "one way");
}

TEST_CASE("Data after the guest's end of data resets the connection") {
  Rig rig;
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  auto shutdown = rig.packet(Op::shutdown, host_port, kGuestPort);
  shutdown.flags = kShutdownSend;
  rig.send(shutdown);
  rig.send(rig.packet(Op::data, host_port, kGuestPort), bytes_of("more"));
  rig.expect(Op::reset, host_port, kGuestPort);
}

TEST_CASE("A guest that closes is answered with a reset, and the host reads to the end") {
  Rig rig;
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
  Rig rig;
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  // More than the socket takes: the rest waits in the device's buffer.
  std::vector<std::byte> sent;
  std::uint32_t forwarded = 0;
  const auto chunk = pattern(32 << 10);
  while (sent.size() + chunk.size() - forwarded <= Connection::kReceiveBuffer) {
    rig.send(rig.packet(Op::data, host_port, kGuestPort), chunk);
    sent.insert(sent.end(), chunk.begin(), chunk.end());
    rig.send(rig.packet(Op::credit_request, host_port, kGuestPort));
    forwarded = rig.expect(Op::credit_update, host_port, kGuestPort).forwarded;
  }
  CHECK(forwarded < sent.size());
  rig.send(rig.packet(Op::reset, host_port, kGuestPort));
  CHECK(rig.connections() == 1);
  CHECK(read_exactly(end, sent.size()) == sent);
  CHECK(reaches_end(end));
  CHECK(wait_until([&] { return rig.connections() == 0; }));
}

TEST_CASE("A host that closes lets the guest read everything, then both ends are gone") {
  Rig rig;
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
  Rig rig;
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  rig.send(rig.packet(Op::reset, host_port, kGuestPort));
  CHECK(reaches_end(end));
  CHECK(rig.quiet());
}

TEST_CASE("Two hundred connections live side by side") {
  Rig rig;
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
  Rig rig;
  rig.listen();
  for (std::uint32_t i = 0; i < VsockDevice::kMaximumConnections / 2; ++i) {
    rig.send(rig.packet(Op::request, kHostPort, 10000 + i));
    rig.expect(Op::response, kHostPort, 10000 + i);
  }
  // Whether or not there are descriptors enough for the rest, none beyond the limit gets through.
  for (auto i = static_cast<std::uint32_t>(VsockDevice::kMaximumConnections / 2);
       i < VsockDevice::kMaximumConnections + 10; ++i) {
    rig.send(rig.packet(Op::request, kHostPort, 10000 + i));
    rig.next();
  }
  CHECK(rig.connections() <= VsockDevice::kMaximumConnections);
  CHECK(rig.world.logged("refused a connection"));
  auto attempt = rig.start_connect(kGuestPort);
  CHECK(*attempt.answer == 0);
}

TEST_CASE("A guest that floods without giving buffers is held back, then answered in full") {
  Rig rig({.receive_buffers = 0});
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

TEST_CASE("A reset of the device closes every connection") {
  Rig rig;
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
