// SPDX-License-Identifier: Apache-2.0

#include "virtio/net/net_device.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <faasnap/error.h>

#include "virtio/net/net_rig.h"
#include "virtio/net/stream_backend.h"

namespace faasnap::virtio::test {

TEST_CASE("A network device is of type 1 and tells its address, link and MTU") {
  StreamRig rig({}, {.address = kAddress, .mtu = 9000});
  CHECK(rig.driver.read32(kDeviceId) == 1);
  CHECK(rig.driver.read_config(0, 6) == Bytestring{std::byte{2}, std::byte{0}, std::byte{0},
                                                   std::byte{0}, std::byte{0}, std::byte{7}});
  CHECK(rig.link_status() == 1);
  CHECK(rig.driver.read_config(8, 4) ==
        Bytestring{std::byte{1}, std::byte{0}, std::byte{0x28}, std::byte{0x23}});
}

TEST_CASE("A network device without an address has one of its own") {
  const auto address = [] {
    StreamRig rig({}, {});
    return rig.driver.read_config(0, 6);
  };
  const Bytestring first = address();
  CHECK((std::to_integer<unsigned>(first[0]) & 3) == 2);
  CHECK(first != address());
}

TEST_CASE("An address of a group and a tiny MTU are refused") {
  World world;
  DeviceLimits limits;
  const auto make = [&](const NetIdentity& identity) {
    NetDevice device(world.loop, nullptr, identity, limits, {});
  };
  CHECK_THROWS_AS(make({.address = NetAddress{1, 0, 0, 0, 0, 1}}), Error);
  CHECK_THROWS_AS(make({.address = NetAddress{}}), Error);
  CHECK_THROWS_AS(make({.mtu = 67}), Error);
}

TEST_CASE("A frame of the guest reaches the host, whatever buffers it lies in") {
  StreamRig rig;
  rig.driver.start();
  const auto pieces = GENERATE(std::vector<std::uint32_t>{}, std::vector<std::uint32_t>{12},
                               std::vector<std::uint32_t>{1, 10, 2, 1, 1},
                               std::vector<std::uint32_t>{12, 14, 1000});
  const Bytestring frame = frame_of(1514);
  rig.send_frame(frame, pieces);
  CHECK(rig.host_receive() == frame);
  CHECK(rig.stats().from_guest.packets == 1);
  CHECK(rig.stats().from_guest.bytes == Bytes{1514});
}

TEST_CASE("A frame of the host reaches the guest behind a header that says nothing") {
  StreamRig rig;
  rig.driver.start();
  rig.offer({1526});
  const Bytestring frame = frame_of(1514);
  rig.host_send(frame);
  const Bytestring packet = rig.receive();
  CHECK(frame_in(packet) == frame);
  Bytestring header(12);
  header[10] = std::byte{1};  // the number of buffers
  CHECK(Bytestring(packet.begin(), packet.begin() + 12) == header);
  CHECK(rig.stats().to_guest.packets == 1);
  CHECK(rig.stats().to_guest.bytes == Bytes{1514});
}

TEST_CASE("A frame is spread over merged buffers, which the driver sees all at once") {
  StreamRig rig;
  rig.driver.start();
  rig.offer({500, 13, 1000});
  rig.offer_chain({1, 11, 700});
  rig.offer({4000, 4000});
  const Bytestring frame = frame_of(5000);
  rig.host_send(frame);
  CHECK(frame_in(rig.receive()) == frame);
  // The last buffer is for the next one.
  rig.host_send(frame_of(60, 2));
  CHECK(frame_in(rig.receive()) == frame_of(60, 2));
}

TEST_CASE("Without merged buffers a frame goes into one chain, and one that is too large is lost") {
  StreamRig rig;
  rig.driver.start(kFeatureIndirect | kFeatureEventIndex, 0xffff, kMergeBuffers);
  rig.offer_chain({12, 1514});
  rig.host_send(frame_of(3000));
  rig.host_send(frame_of(1514, 2));
  CHECK(frame_in(rig.receive()) == frame_of(1514, 2));
  CHECK(rig.stats().to_guest.dropped == 1);
}

TEST_CASE("Frames wait in the socket while the guest has no buffers for them") {
  StreamRig rig;
  rig.driver.start();
  for (std::uint32_t i = 0; i < 40; ++i) {
    rig.host_send(frame_of(1000, i));
  }
  CHECK(rig.nothing_received());
  for (std::uint32_t i = 0; i < 40; ++i) {
    rig.offer({600});
    rig.offer({600});
    CHECK(frame_in(rig.receive()) == frame_of(1000, i));
  }
}

TEST_CASE("A frame may come in pieces") {
  StreamRig rig;
  rig.driver.start();
  rig.offer({2000});
  const Bytestring frame = frame_of(300);
  rig.host_send_raw({std::byte{0}, std::byte{0}, std::byte{1}});
  CHECK(rig.nothing_received());
  rig.host_send_raw({std::byte{0x2c}});
  rig.host_send_raw({frame.begin(), frame.begin() + 100});
  CHECK(rig.nothing_received());
  rig.host_send_raw({frame.begin() + 100, frame.end()});
  CHECK(frame_in(rig.receive()) == frame);
}

TEST_CASE("Frames of the guest wait in its queue while the socket is full, and none is lost") {
  StreamRig rig;
  rig.driver.start();
  constexpr std::uint32_t kFrames = 64;
  for (std::uint32_t i = 0; i < kFrames; ++i) {
    rig.post(packet_of(frame_of(60'000, i)));
  }
  // The socket holds fewer than that.
  rig.driver.on_loop([] {});
  CHECK(rig.driver.queues[kTransmit].used_index() < kFrames);
  for (std::uint32_t i = 0; i < kFrames; ++i) {
    CHECK(rig.host_receive() == frame_of(60'000, i));
  }
  for (std::uint32_t i = 0; i < kFrames; ++i) {
    rig.driver.wait_used(kTransmit);
  }
}

TEST_CASE("A frame that is larger than any is dropped, and the next one passes") {
  StreamRig rig;
  rig.driver.start();
  rig.send_frame(frame_of(70'000));
  rig.send_frame(frame_of(100));
  CHECK(rig.host_receive() == frame_of(100));
  CHECK(rig.stats().from_guest.dropped == 1);
}

TEST_CASE("A closed socket takes the link down, and what the guest sends is dropped") {
  StreamRig rig;
  rig.driver.start();
  CHECK(rig.stats().link_up);
  const std::uint32_t generation = rig.generation();
  rig.host.reset();
  REQUIRE(wait_until([&] { return rig.link_status() == 0; }));
  CHECK(rig.generation() != generation);
  CHECK((rig.driver.transport->interrupt_status() & kConfigChange) != 0);
  CHECK_FALSE(rig.stats().link_up);
  CHECK(rig.world.logged("the link is down"));
  rig.send_frame(frame_of(100));
  CHECK(rig.stats().from_guest.dropped == 1);
}

TEST_CASE("A stream that breaks its format takes the link down") {
  StreamRig rig;
  rig.driver.start();
  rig.offer({2000});
  const auto prefix = GENERATE(Bytestring(4), Bytestring(4, std::byte{0xff}),
                               Bytestring{std::byte{0}, std::byte{0}, std::byte{0}, std::byte{13}});
  rig.host_send_raw(prefix);
  CHECK(wait_until([&] { return rig.link_status() == 0; }));
}

TEST_CASE("Only a stream socket can be a stream's end") {
  base::EventFd event;
  CHECK_THROWS_AS(StreamBackend(base::UniqueFd(::dup(event.get()))), Error);
}

TEST_CASE("Traffic beyond a rate waits for it, and none is lost") {
  const NetworkRate slow{.packets_per_second = 200, .packet_burst = 1};
  const NetworkRate narrow{.bytes_per_second = Bytes{200'000}, .byte_burst = Bytes{1}};
  const auto rate = GENERATE_COPY(slow, narrow);
  StreamRig rig({.to_guest = rate, .from_guest = rate});
  rig.driver.start();
  for (std::uint32_t i = 0; i < 20; ++i) {
    rig.offer({1526});
    rig.host_send(frame_of(1000, i));
    rig.post(packet_of(frame_of(1000, i)));
  }
  for (std::uint32_t i = 0; i < 20; ++i) {
    CHECK(frame_in(rig.receive()) == frame_of(1000, i));
    CHECK(rig.host_receive() == frame_of(1000, i));
  }
  CHECK(rig.waits() > 1);
}

TEST_CASE("Traffic within its rates does not wait") {
  StreamRig rig;
  rig.driver.start();
  for (std::uint32_t i = 0; i < 20; ++i) {
    rig.send_frame(frame_of(1000, i));
    CHECK(rig.host_receive() == frame_of(1000, i));
  }
  CHECK(rig.waits() == 0);
}

TEST_CASE("A drained network device moves nothing and gives its buffers back until it resumes") {
  StreamRig rig;
  rig.driver.start();
  rig.offer({600, 600, 600});
  rig.host_send(frame_of(1000));
  CHECK(frame_in(rig.receive()) == frame_of(1000));
  rig.driver.drain();
  rig.host_send(frame_of(200, 2));
  rig.post(packet_of(frame_of(100, 3)));
  CHECK(rig.nothing_received());
  CHECK(rig.driver.queues[kTransmit].used_index() == 0);
  rig.driver.resume();
  CHECK(frame_in(rig.receive()) == frame_of(200, 2));
  CHECK(rig.host_receive() == frame_of(100, 3));
}

TEST_CASE("A network device works again after a reset") {
  StreamRig rig;
  for (std::uint32_t round = 0; round < 3; ++round) {
    rig.driver.start();
    rig.offer({2000, 2000});
    rig.host_send(frame_of(1000, round));
    CHECK(frame_in(rig.receive()) == frame_of(1000, round));
    rig.send_frame(frame_of(900, round));
    CHECK(rig.host_receive() == frame_of(900, round));
    rig.driver.write32(kStatus, 0);
  }
}

TEST_CASE("A command that the device does not know is answered with an error") {
  StreamRig rig;
  rig.driver.start();
  CHECK(rig.command({std::byte{1}, std::byte{0}, std::byte{1}}) == std::byte{1});
  CHECK(rig.command({std::byte{3}, std::byte{1}}) == std::byte{1});
  CHECK(rig.command({std::byte{3}, std::byte{0}}) == std::byte{0});
}

}  // namespace faasnap::virtio::test
