// SPDX-License-Identifier: Apache-2.0

#include "virtio/balloon/balloon_device.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "virtio/balloon/balloon_rig.h"

namespace faasnap::virtio::test {
namespace {

constexpr std::uint64_t kReporting = 1ULL << 5;

}  // namespace

TEST_CASE("A balloon is a device of type 5 that offers free page reporting and asks for no page") {
  BalloonRig rig;
  CHECK(rig.driver.read32(kDeviceId) == 5);
  CHECK((rig.driver.device_features() & 0xffffff) == kReporting);
  CHECK(rig.driver.read_config(0, 8) == std::vector<std::byte>(8));
}

TEST_CASE("Reported pages are released, and the report is returned") {
  BalloonRig rig;
  rig.driver.start();
  const auto queue = GENERATE(kLinuxReportingQueue, kReportingQueue);
  rig.send(queue, {BalloonRig::pages(0x4000, 512), BalloonRig::pages(0x5000, 1)});
  CHECK(rig.released() == Ranges{range(0x4000, 512), range(0x5000, 1)});
}

TEST_CASE("Reported pages are not brought in to be released") {
  BalloonRig rig;
  rig.world.memory.guard({.intact = {}, .refused = [](PageRange, const std::string&) {}});
  rig.driver.start();
  rig.send(kLinuxReportingQueue, {BalloonRig::pages(0x4000, 512)});
  CHECK(rig.released() == Ranges{range(0x4000, 512)});
  std::array<unsigned char, 512> resident;
  REQUIRE(::mincore(rig.world.memory.host().data() + 0x4000 * kPage, 512 * kPage,
                    resident.data()) == 0);
  CHECK(std::ranges::count(resident, 0) == 512);
}

TEST_CASE("Ranges of one report that touch or overlap are released as one") {
  BalloonRig rig;
  rig.driver.start();
  rig.send(kLinuxReportingQueue, {BalloonRig::pages(0x4010, 16), BalloonRig::pages(0x4000, 16),
                                  BalloonRig::pages(0x4004, 20), BalloonRig::pages(0x4008, 2),
                                  BalloonRig::pages(0x4030, 1)});
  CHECK(rig.released() == Ranges{range(0x4000, 32), range(0x4030, 1)});
}

TEST_CASE("Reports are taken in one go however many there are") {
  BalloonRig rig;
  rig.driver.start();
  constexpr std::uint64_t kReports = 500;
  for (std::uint64_t sent = 0; sent < kReports;) {
    FakeQueue& queue = rig.driver.queues[kLinuxReportingQueue];
    while (sent < kReports && queue.room() != 0) {
      queue.add({BalloonRig::pages(0x4000 + 2 * sent++, 1)});
    }
    rig.driver.kick(kLinuxReportingQueue);
    rig.driver.wait_used(kLinuxReportingQueue);
    while (queue.take_used()) {
    }
  }
  CHECK(wait_until([&] { return rig.released().size() == kReports; }));
}

TEST_CASE("Inflated pages are released, deflated ones are not touched") {
  BalloonRig rig;
  rig.driver.start();
  rig.send(kInflateQueue, {rig.numbers({0x4002, 0x4001, 0x5000})});
  CHECK(rig.released() == Ranges{range(0x4001, 2), range(0x5000, 1)});
  rig.send(kDeflateQueue, {rig.numbers({0x4001, 0x4002})});
  CHECK(rig.released().size() == 2);
}

TEST_CASE("A drained balloon leaves reports in the queue until it resumes") {
  BalloonRig rig;
  rig.driver.start();
  rig.driver.drain();
  rig.driver.queues[kLinuxReportingQueue].add({BalloonRig::pages(0x4000, 1)});
  rig.driver.kick(kLinuxReportingQueue);
  rig.driver.on_loop([] {});
  CHECK(rig.released().empty());
  rig.driver.resume();
  CHECK(wait_until([&] { return rig.released() == Ranges{range(0x4000, 1)}; }));
}

TEST_CASE("A restored balloon takes the reports that the saved one had not taken") {
  BalloonRig saved;
  saved.driver.start();
  saved.send(kLinuxReportingQueue, {BalloonRig::pages(0x4000, 1)});
  saved.driver.drain();
  saved.driver.queues[kLinuxReportingQueue].add({BalloonRig::pages(0x4100, 3)});
  const auto state = saved.driver.save();

  BalloonRig clone;
  std::copy(saved.world.memory.host().begin(), saved.world.memory.host().begin() + (8 << 20),
            clone.world.memory.host().begin());
  clone.driver.restore(state);
  clone.driver.resume();
  CHECK(wait_until([&] { return clone.released() == Ranges{range(0x4100, 3)}; }));
}

TEST_CASE("A balloon works again after a reset") {
  BalloonRig rig;
  for (unsigned round = 0; round < 3; ++round) {
    rig.driver.start();
    rig.send(kLinuxReportingQueue, {BalloonRig::pages(0x4000 + round, 1)});
    rig.driver.write32(kStatus, 0);
  }
  CHECK(rig.released().size() == 3);
}

TEST_CASE("A report that a driver sends without having negotiated it stops the device") {
  BalloonRig rig;
  rig.driver.start(kFeatureIndirect | kFeatureEventIndex);
  rig.driver.write32(kStatus, 0);
  REQUIRE(rig.driver.negotiate(kFeatureVersion1));
  rig.driver.queues.clear();
  for (std::size_t i = 0; i < rig.driver.transport->queue_count(); ++i) {
    rig.driver.queues.emplace_back(rig.world.memory, rig.driver.allocator, std::uint16_t{8});
    rig.driver.queues.back().event_index = false;
    rig.driver.set_up_queue(i);
  }
  rig.driver.write32(kStatus, kAcknowledge | kDriver | kFeaturesOk | kDriverOk);
  rig.expect_fault(kLinuxReportingQueue, {BalloonRig::pages(0x4000, 1)}, "was not negotiated");
}

TEST_CASE("A report of much memory is released in pieces, between which a VM can be paused") {
  BalloonRig rig;
  rig.driver.start();
  constexpr std::uint32_t kPages = (64U << 20) / kPage;
  rig.releaser.delay = std::chrono::milliseconds(1);
  FakeQueue& queue = rig.driver.queues[kLinuxReportingQueue];
  queue.add({BalloonRig::pages(0x4000, kPages)});
  std::size_t released_before = 0;
  rig.driver.on_loop([&] {
    const std::uint32_t index = kLinuxReportingQueue;
    rig.driver.transport->write(kMmioQueueNotify, std::as_bytes(std::span(&index, 1)));
    rig.driver.transport->drain();
    released_before = rig.releaser.pages();
    CHECK(queue.used_index() == 0);
  });
  CHECK(released_before < kPages);
  rig.driver.resume();
  CHECK(rig.driver.wait_used(kLinuxReportingQueue).length == 0);
  // The chain was taken once more, from its start.
  CHECK(rig.releaser.pages() == released_before + kPages);
  CHECK(rig.world.limits.slices > 0);
}

TEST_CASE("How long a balloon works at a stretch is a limit of the guest") {
  BalloonRig rig({.device_slice = kForever});
  rig.driver.start();
  constexpr std::uint32_t kPages = (64U << 20) / kPage;
  rig.releaser.delay = std::chrono::milliseconds(1);
  rig.driver.queues[kLinuxReportingQueue].add({BalloonRig::pages(0x4000, kPages)});
  rig.driver.write32(kMmioQueueNotify, kLinuxReportingQueue);
  CHECK(rig.releaser.pages() == kPages);
  CHECK(rig.world.limits.slices == 0);
}

TEST_CASE("Inflated pages are not brought in to be released") {
  BalloonRig rig;
  rig.world.memory.guard({.intact = {}, .refused = [](PageRange, const std::string&) {}});
  rig.driver.start();
  rig.send(kInflateQueue, {rig.numbers({0x4000, 0x4001})});
  CHECK(rig.released() == Ranges{range(0x4000, 2)});
  std::array<unsigned char, 2> in_memory{};
  REQUIRE(::mincore(rig.world.memory.host().data() + 0x4000 * kPage, 2 * kPage, in_memory.data()) ==
          0);
  CHECK((in_memory[0] & 1) == 0);
}

}  // namespace faasnap::virtio::test
