// SPDX-License-Identifier: Apache-2.0

// What a driver must not give to a network device: each stops the device, and the host goes on.
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>

#include "virtio/net/net_rig.h"

namespace faasnap::virtio::test {

TEST_CASE("A packet that is none stops the network device") {
  StreamRig rig;
  rig.driver.start();
  SECTION("shorter than a header and an address") {
    rig.driver.queues[kTransmit].add({rig.buffer(25, false)});
    rig.expect_fault("packet of 25 bytes, expected 26");
  }
  SECTION("larger than any network's") {
    rig.driver.queues[kTransmit].add({rig.buffer(200'000, false)});
    rig.expect_fault("packet of 200000 bytes");
  }
  SECTION("with a buffer to write to") {
    rig.driver.queues[kTransmit].add({rig.buffer(100, false), rig.buffer(10, true)});
    rig.expect_fault("none to write to");
  }
  SECTION("that is not in memory") {
    rig.driver.queues[kTransmit].add({{{1ULL << 40}, 100, false}});
    rig.expect_fault("is not guest memory");
  }
}

TEST_CASE("Receive buffers that no packet fits into stop the network device") {
  StreamRig rig;
  SECTION("too small for a header") {
    rig.driver.start();
    rig.host_send(frame_of(100));
    rig.offer({11});
    rig.expect_fault("receive buffer of 11 bytes, expected 12");
  }
  SECTION("too small for a packet, where they are not merged") {
    rig.driver.start(kFeatureIndirect | kFeatureEventIndex, 0xffff, kMergeBuffers);
    rig.host_send(frame_of(100));
    rig.offer({1525});
    rig.expect_fault("receive buffer of 1525 bytes, expected 1526");
  }
  SECTION("to read from") {
    rig.driver.start();
    rig.host_send(frame_of(100));
    rig.driver.queues[kReceive].add({rig.buffer(10, false), rig.buffer(2000, true)});
    rig.expect_fault("none to read from");
  }
  SECTION("in more pieces than one call takes") {
    rig.driver.start();
    rig.host_send(frame_of(30'000));
    for (unsigned i = 0; i < 4; ++i) {
      rig.offer_chain(std::vector<std::uint32_t>(500, 2));
    }
    rig.expect_fault("receive buffers have room for");
  }
}

TEST_CASE("A receive buffer far larger than a packet brings in what a packet may need") {
  StreamRig rig;
  rig.world.memory.guard({.intact = {}, .refused = [](PageRange, const std::string&) {}});
  rig.driver.start();
  constexpr std::uint32_t kHuge = 64 << 20;
  rig.offer({kHuge});
  const std::uint64_t end = rig.driver.allocator.take(1, kPageSize).value;
  rig.host_send(frame_of(100));
  CHECK(frame_in(rig.receive()) == frame_of(100));
  std::vector<unsigned char> resident(kHuge / kPageSize);
  REQUIRE(::mincore(rig.world.memory.host().data() + end - kHuge, kHuge, resident.data()) == 0);
  CHECK(std::ranges::count(resident, 1) <= 17);
}

TEST_CASE("A command that has no room for its answer stops the network device") {
  StreamRig rig;
  rig.driver.start();
  SECTION("without an answer") { rig.driver.queues[kCommands].add({rig.buffer(2, false)}); }
  SECTION("without a number") {
    rig.driver.queues[kCommands].add({rig.buffer(1, false), rig.buffer(1, true)});
  }
  rig.expect_fault("command without a class");
}

TEST_CASE("A driver whose buffers hold no largest packet gets none, and harms nobody") {
  StreamRig rig;
  rig.driver.start(kFeatureIndirect | kFeatureEventIndex, 8);
  rig.host_send(frame_of(30'000));
  rig.offer(std::vector<std::uint32_t>(8, 100));
  CHECK(rig.nothing_received());
  rig.send_frame(frame_of(100));
  CHECK(rig.host_receive() == frame_of(100));
}

TEST_CASE("Memory that cannot be had ends the traffic, not the process") {
  StreamRig rig;
  std::atomic<bool> intact = true;
  rig.world.memory.guard(
      {.intact = [&] { return intact.load(); }, .refused = [](PageRange, const std::string&) {}});
  rig.driver.start();
  rig.offer({2000});
  intact = false;
  rig.host_send(frame_of(100));
  CHECK(wait_until([&] { return (rig.driver.status() & kNeedsReset) != 0; }));
  intact = true;
  CHECK(rig.nothing_received());
  CHECK(rig.stats().to_guest.packets == 0);
}

}  // namespace faasnap::virtio::test
