// SPDX-License-Identifier: Apache-2.0

#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

#include "virtio/vsock/socket_rig.h"

namespace faasnap::virtio::test {

TEST_CASE("A restored guest is told that its connections are gone before it gets new ones") {
  FakeGuest saved;
  saved.start();
  auto [old_end, old_port] = saved.connect_from_host(kGuestPort);
  saved.driver.drain();

  FakeGuest clone;
  clone.restore_from(saved);
  auto attempt = clone.start_connect(kGuestPort);
  clone.driver.resume();
  CHECK(clone.quiet());
  CHECK(clone.take_events(false) == 1);
  CHECK(*attempt.answer == -1);
}

TEST_CASE("New connections go through once the guest has dealt with the reset event") {
  FakeGuest saved;
  saved.start();
  auto [old_end, old_port] = saved.connect_from_host(kGuestPort);
  saved.driver.drain();

  FakeGuest clone;
  clone.restore_from(saved);
  auto attempt = clone.start_connect(kGuestPort);
  clone.driver.resume();
  REQUIRE(wait_until([&] { return clone.take_events(true) == 1; }));
  const std::uint32_t host_port = clone.accept(kGuestPort);
  CHECK(host_port != old_port);
  CHECK(wait_until([&] { return *attempt.answer == 1; }));
  write_all(attempt.end, bytes_of("hello, clone"));
  CHECK(text_of(clone.next().data) == "hello, clone");
  CHECK(clone.take_events(true) == 0);
}

TEST_CASE("The reset event waits for a buffer") {
  FakeGuest saved({.event_buffers = 0});
  saved.start();
  saved.driver.drain();
  FakeGuest clone;
  clone.restore_from(saved);
  auto attempt = clone.start_connect(kGuestPort);
  clone.driver.resume();
  CHECK(clone.quiet());
  FakeQueue& events = clone.driver.queues[2];
  const GuestAddress buffer = clone.driver.allocator.take(4);
  events.add({{buffer, 4, true}});
  clone.driver.kick(2);
  CHECK(clone.driver.wait_used(2).length == 4);
  CHECK(clone.quiet());
  events.add({{buffer, 4, true}});
  clone.driver.kick(2);
  clone.accept(kGuestPort);
  CHECK(wait_until([&] { return *attempt.answer == 1; }));
}

TEST_CASE("An event buffer that is too small stops the device") {
  FakeGuest saved({.event_buffers = 0});
  saved.start();
  saved.driver.drain();
  FakeGuest clone;
  clone.restore_from(saved);
  clone.driver.resume();
  clone.driver.queues[2].add({{clone.driver.allocator.take(3), 3, true}});
  clone.driver.kick(2);
  CHECK(wait_until([&] { return (clone.driver.status() & kNeedsReset) != 0; }));
}

TEST_CASE("Packets that the guest had sent for old connections are answered with a reset") {
  FakeGuest saved;
  saved.start();
  auto [old_end, old_port] = saved.connect_from_host(kGuestPort);
  saved.driver.drain();
  saved.send(saved.packet(Op::data, old_port, kGuestPort), bytes_of("late"));

  FakeGuest clone;
  clone.restore_from(saved);
  clone.driver.resume();
  REQUIRE(wait_until([&] { return clone.take_events(true) == 1; }));
  clone.expect(Op::reset, old_port, kGuestPort);

  saved.driver.resume();
  CHECK(text_of(read_exactly(old_end, 4)) == "late");
}

TEST_CASE("A listener of the clone takes the connection that its guest asked for before") {
  FakeGuest saved;
  saved.start();
  saved.driver.drain();
  saved.send(saved.packet(Op::request, kHostPort, 1000));
  FakeGuest clone;
  clone.restore_from(saved);
  base::UniqueFd end;
  std::atomic<bool> accepted{false};
  clone.driver.on_loop([&] {
    clone.device->listen(kHostPort, [&](base::UniqueFd given) {
      end = std::move(given);
      accepted = true;
    });
  });
  clone.driver.resume();
  CHECK_FALSE(accepted);
  REQUIRE(wait_until([&] { return clone.take_events(true) == 1; }));
  clone.expect(Op::response, kHostPort, 1000);
  CHECK(accepted);
}

TEST_CASE("The VM that was saved goes on with its connections, and misses nothing") {
  FakeGuest guest;
  guest.start();
  auto [end, host_port] = guest.connect_from_host(kGuestPort);
  write_all(end, bytes_of("before "));
  CHECK(text_of(guest.next().data) == "before ");
  guest.driver.drain();
  write_all(end, bytes_of("meanwhile"));
  guest.send(guest.packet(Op::data, host_port, kGuestPort), bytes_of("answer"));
  const auto state = guest.driver.save();
  CHECK_FALSE(state.empty());
  CHECK(guest.quiet());
  guest.driver.resume();
  CHECK(text_of(guest.next().data) == "meanwhile");
  CHECK(text_of(read_exactly(end, 6)) == "answer");
  CHECK(guest.take_events(true) == 0);
}

TEST_CASE("Save works in the middle of a busy stream, again and again") {
  FakeGuest guest({.receive_buffers = 2});
  guest.start();
  auto [end, host_port] = guest.connect_from_host(kGuestPort);
  const auto data = pattern(200 << 10);
  write_all(end, std::span(data).first(100 << 10));
  std::vector<std::byte> received;
  bool second_half = false;
  CHECK(wait_until([&, &stream = end] {
    while (const auto packet = guest.poll()) {
      received.insert(received.end(), packet->data.begin(), packet->data.end());
      guest.forwarded = static_cast<std::uint32_t>(received.size());
      guest.driver.drain();
      CHECK(guest.driver.save().size() > 100);
      guest.driver.resume();
    }
    if (!second_half && received.size() == 100 << 10) {
      second_half = true;
      write_all(stream, std::span(data).subspan(100 << 10));
    }
    return received.size() == data.size();
  }));
  CHECK(received == data);
}

TEST_CASE("The guest's CID comes back with the state") {
  FakeGuest saved;
  saved.start();
  saved.driver.drain();
  const auto state = saved.driver.save();
  World world;
  FakeDriver other(world, std::make_unique<VsockDevice>(world.loop, 999, world.limits, LogSink{}));
  other.restore(state);
  CHECK(other.read_config(0, 4) ==
        std::vector{std::byte{kCid}, std::byte{0}, std::byte{0}, std::byte{0}});
}

TEST_CASE("A guest whose driver did not run when it was saved gets no event") {
  FakeGuest saved;
  saved.driver.drain();
  FakeGuest clone;
  clone.driver.restore(saved.driver.save());
  clone.driver.resume();
  clone.start();
  CHECK(clone.connect_from_host(kGuestPort).first);
  CHECK(clone.take_events(false) == 0);
}

}  // namespace faasnap::virtio::test
