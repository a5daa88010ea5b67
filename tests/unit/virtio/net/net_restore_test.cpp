// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include <faasnap/error.h>

#include "virtio/net/net_rig.h"
#include "virtio/net/stream_backend.h"

namespace faasnap::virtio::test {
namespace {

void copy_memory(const World& from, const World& to) {
  std::copy_n(from.memory.host().begin(), 16 << 20, to.memory.host().begin());
}

// Puts the driver of `saved` in front of the device of `clone`.
void continue_in(NetGuest& saved, NetGuest& clone) {
  saved.driver.drain();
  const auto state = saved.driver.save();
  copy_memory(saved.world, clone.world);
  for (const FakeQueue& queue : saved.driver.queues) {
    clone.driver.queues.push_back(queue.moved_to(clone.world.memory, clone.driver.allocator));
  }
  clone.driver.allocator = Allocator(GuestAddress{32 << 20});
  clone.driver.restore(state);
}

}  // namespace

TEST_CASE("A restored network device goes on with another end, and asks to be announced") {
  StreamRig saved;
  saved.driver.start();
  saved.send_frame(frame_of(100));
  StreamRig clone({}, {.features = saved.device->features()});
  const std::uint32_t generation = saved.generation();
  continue_in(saved, clone);
  clone.driver.resume();
  CHECK((clone.driver.transport->interrupt_status() & kConfigChange) != 0);
  CHECK(clone.driver.interrupt.count != 0);
  CHECK(clone.link_status() == 3);
  CHECK(clone.generation() != generation);
  CHECK(clone.driver.read_config(0, 6) == saved.driver.read_config(0, 6));

  CHECK(clone.command({std::byte{3}, std::byte{0}}) == std::byte{0});
  CHECK(clone.link_status() == 1);
  clone.send_frame(frame_of(200));
  CHECK(clone.host_receive() == frame_of(200));
  clone.offer({2000});
  clone.host_send(frame_of(300));
  CHECK(frame_in(clone.receive()) == frame_of(300));
}

TEST_CASE("A restored network device has the address and the MTU that it is given") {
  StreamRig saved({}, {.address = kAddress, .mtu = 1400});
  saved.driver.start();
  NetAddress other = kAddress;
  other[5] = 9;
  StreamRig clone({}, {.address = other, .features = saved.device->features()});
  continue_in(saved, clone);
  clone.driver.resume();
  CHECK(clone.driver.read_config(5, 1) == Bytestring{std::byte{9}});
  CHECK(clone.driver.read_config(10, 2) == Bytestring{std::byte{0x78}, std::byte{0x05}});
}

TEST_CASE("A network device that is restored without an end has its link down") {
  StreamRig saved;
  saved.driver.start();
  NetGuest clone(nullptr, {.features = saved.device->features()}, {});
  continue_in(saved, clone);
  clone.driver.resume();
  CHECK(clone.link_status() == 0);
  CHECK_FALSE(clone.stats().link_up);
  CHECK((clone.driver.transport->interrupt_status() & kConfigChange) != 0);
  clone.send_frame(frame_of(100));
  CHECK(clone.stats().from_guest.dropped == 1);
}

TEST_CASE("Buffers that wait for packets and packets that wait for the host outlast a snapshot") {
  StreamRig saved;
  saved.driver.start();
  saved.offer({600, 600, 600});
  saved.host_send(frame_of(100));
  saved.receive();
  saved.driver.drain();
  saved.post(packet_of(frame_of(150)));
  StreamRig clone({}, {.features = saved.device->features()});
  continue_in(saved, clone);
  clone.driver.resume();
  CHECK(clone.host_receive() == frame_of(150));
  clone.host_send(frame_of(1000));
  CHECK(clone.driver.wait_used(kReceive).length == 600);
  CHECK(clone.driver.wait_used(kReceive).length == 412);
}

TEST_CASE("An end that cannot do the saved device's offloads is refused") {
  World world;
  DeviceLimits limits;
  auto [ours, theirs] = base::make_stream_pair();
  auto backend = std::make_unique<StreamBackend>(std::move(ours));
  const NetIdentity identity{.features = NetDevice::kKnownFeatures};
  try {
    NetDevice device(world.loop, std::move(backend), identity, limits, {});
    FAIL("the device was made");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::unsupported);
  }
}

TEST_CASE("A state that no network device has is refused") {
  StreamRig saved;
  saved.driver.start();
  saved.driver.drain();
  auto state = saved.driver.save();
  const std::size_t own = state.size() - 12;
  const auto refused = [&] {
    StreamRig clone({}, {.features = saved.device->features()});
    try {
      clone.driver.restore(state);
      return false;
    } catch (const Error& error) {
      return error.kind() == ErrorKind::corrupt;
    }
  };
  SECTION("an address of a group") {
    state[own] = std::byte{1};
    CHECK(refused());
  }
  SECTION("an MTU of zero") {
    state[own + 6] = state[own + 7] = std::byte{0};
    CHECK(refused());
  }
  SECTION("too short") {
    state.pop_back();
    CHECK(refused());
  }
}

}  // namespace faasnap::virtio::test
