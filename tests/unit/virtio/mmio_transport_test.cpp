// SPDX-License-Identifier: Apache-2.0

#include "virtio/mmio_transport.h"

#include <catch2/catch_test_macros.hpp>

#include "virtio/recording_device.h"

namespace faasnap::virtio::test {
namespace {}  // namespace

TEST_CASE("The identity registers name a virtio-mmio device of version 2") {
  TransportRig rig;
  CHECK(rig.driver.read32(kMagicValue) == 0x74726976);
  CHECK(rig.driver.read32(kVersion) == 2);
  CHECK(rig.driver.read32(kDeviceId) == 42);
  CHECK(rig.driver.read32(kVendorId) == 0);
  CHECK(rig.driver.read32(kConfigGeneration) == 0);
}

TEST_CASE("There is no shared memory region") {
  TransportRig rig;
  CHECK(rig.driver.read32(kSharedMemoryLengthLow) == 0xffffffff);
  CHECK(rig.driver.read32(kSharedMemoryLengthHigh) == 0xffffffff);
}

TEST_CASE("Features are offered in two halves, and nothing beyond") {
  TransportRig rig;
  CHECK(rig.driver.device_features() ==
        (kOwnFeature | kFeatureIndirect | kFeatureEventIndex | kFeatureVersion1));
  rig.driver.write32(kDeviceFeaturesSelect, 2);
  CHECK(rig.driver.read32(kDeviceFeatures) == 0);
}

TEST_CASE("Features that are offered are accepted and reach the device") {
  TransportRig rig;
  rig.driver.start();
  CHECK(rig.record.activations == 1);
  CHECK(rig.record.features ==
        (kOwnFeature | kFeatureIndirect | kFeatureEventIndex | kFeatureVersion1));
  CHECK_FALSE(rig.record.restored);
}

TEST_CASE("A feature that is not offered keeps FEATURES_OK from being set") {
  TransportRig rig;
  CHECK_FALSE(rig.driver.negotiate(kFeatureVersion1 | (1ULL << 34)));
  rig.driver.write32(kStatus, kAcknowledge | kDriver | kDriverOk);
  CHECK((rig.driver.status() & kDriverOk) == 0);
  CHECK(rig.record.activations == 0);
}

TEST_CASE("A legacy driver is refused") {
  TransportRig rig;
  CHECK_FALSE(rig.driver.negotiate(kOwnFeature));
}

TEST_CASE("Features cannot change once they are agreed on") {
  TransportRig rig;
  REQUIRE(rig.driver.negotiate(kFeatureVersion1));
  rig.driver.write32(kDriverFeaturesSelect, 0);
  rig.driver.write32(kDriverFeatures, static_cast<std::uint32_t>(kOwnFeature));
  rig.driver.write32(kStatus, kAcknowledge | kDriver | kFeaturesOk | kDriverOk);
  CHECK(rig.record.features == kFeatureVersion1);
}

TEST_CASE("Queues have the device's sizes, and those it lacks have none") {
  TransportRig rig;
  CHECK(rig.driver.read32(kQueueSizeMaximum) == 64);
  rig.driver.write32(kQueueSelect, 1);
  CHECK(rig.driver.read32(kQueueSizeMaximum) == 16);
  rig.driver.write32(kQueueSelect, 2);
  CHECK(rig.driver.read32(kQueueSizeMaximum) == 0);
  CHECK(rig.driver.read32(kQueueReady) == 0);
  rig.driver.write32(kQueueReady, 1);
  rig.driver.write32(kMmioQueueNotify, 2);
  CHECK(rig.driver.read32(kQueueReady) == 0);
}

TEST_CASE("Configuration space is read in any width and ends where it ends") {
  TransportRig rig;
  CHECK(rig.driver.read_config(0, 1) == std::vector{std::byte{1}});
  CHECK(rig.driver.read_config(2, 2) == std::vector{std::byte{3}, std::byte{4}});
  CHECK(rig.driver.read_config(2, 4) ==
        std::vector{std::byte{3}, std::byte{4}, std::byte{5}, std::byte{6}});
  CHECK(rig.driver.read_config(4, 4) == std::vector<std::byte>(4));
  CHECK(rig.driver.read_config(6, 1) == std::vector<std::byte>(1));
  CHECK(rig.driver.read_config(0xdf0, 8) == std::vector<std::byte>(8));
}

TEST_CASE("Accesses of a wrong width or place read zero and change nothing") {
  TransportRig rig;
  std::array<std::byte, 8> wide;
  const std::array<std::byte, 2> narrow{std::byte{1}, std::byte{0}};
  rig.driver.on_loop([&] {
    rig.driver.transport->read(kMagicValue, wide);
    rig.driver.transport->write(kStatus, narrow);
    rig.driver.transport->read(kMagicValue + 2, std::span(wide).first(4));
    rig.driver.transport->write(kMagicValue, wide);
  });
  CHECK(wide == std::array<std::byte, 8>{});
  CHECK(rig.driver.status() == 0);
  CHECK(rig.driver.read32(0x0c0) == 0);
}

TEST_CASE("A notification by register write and one by eventfd both reach the device") {
  TransportRig rig;
  rig.driver.start();
  const Buffer buffer{rig.driver.allocator.take(16), 16, true};
  rig.driver.queues[0].add({buffer});
  rig.driver.write32(kMmioQueueNotify, 0);
  rig.driver.wait_used(0);
  rig.driver.queues[0].add({buffer});
  rig.driver.transport->notifier().signal();
  rig.driver.wait_used(0);
  CHECK(rig.record.chains == 2);
}

TEST_CASE("A notification of a queue that does not exist is ignored") {
  TransportRig rig;
  rig.driver.start();
  rig.driver.write32(kMmioQueueNotify, 2);
  rig.driver.write32(kMmioQueueNotify, 0xffffffff);
  CHECK((rig.driver.status() & kNeedsReset) == 0);
}

TEST_CASE("A used buffer raises the interrupt until it is acknowledged, on any thread") {
  TransportRig rig;
  rig.driver.start();
  rig.driver.queues[0].add({{rig.driver.allocator.take(16), 16, true}});
  rig.driver.kick(0);
  rig.driver.wait_used(0);
  REQUIRE(wait_until([&] { return rig.driver.interrupt.count == 1; }));
  CHECK(rig.driver.transport->interrupt_status() == kUsedBuffer);
  CHECK(rig.driver.read32(kMmioInterruptStatus) == kUsedBuffer);
  rig.driver.transport->acknowledge_interrupt(kUsedBuffer);
  CHECK(rig.driver.transport->interrupt_status() == 0);
}

TEST_CASE(
    "A fault sets DEVICE_NEEDS_RESET, raises a configuration interrupt and stops the device") {
  TransportRig rig;
  rig.driver.start();
  rig.driver.queues[0].offer(9999);
  rig.driver.kick(0);
  REQUIRE(wait_until([&] { return (rig.driver.status() & kNeedsReset) != 0; }));
  CHECK(rig.driver.transport->interrupt_status() == kConfigChange);
  CHECK(rig.world.logged("recorder"));
  CHECK(rig.world.logged("descriptor 9999"));
  rig.driver.queues[1].add({{rig.driver.allocator.take(16), 16, true}});
  rig.driver.write32(kMmioQueueNotify, 1);
  CHECK(rig.record.chains == 0);
}

TEST_CASE("After a fault, a reset makes the device work again") {
  TransportRig rig;
  rig.driver.start();
  rig.driver.queues[0].offer(9999);
  rig.driver.kick(0);
  REQUIRE(wait_until([&] { return (rig.driver.status() & kNeedsReset) != 0; }));
  rig.driver.start();
  CHECK(rig.record.resets == 1);
  rig.driver.queues[0].add({{rig.driver.allocator.take(16), 16, true}});
  rig.driver.kick(0);
  rig.driver.wait_used(0);
  CHECK(rig.record.chains == 1);
}

TEST_CASE("A driver that faults for ever does not fill the log for ever") {
  TransportRig rig;
  for (unsigned i = 0; i < 40; ++i) {
    rig.driver.start();
    rig.driver.queues[0].offer(static_cast<std::uint16_t>(1000 + i));
    rig.driver.write32(kMmioQueueNotify, 0);
  }
  CHECK(rig.world.logged("descriptor 1000"));
  CHECK_FALSE(rig.world.logged("descriptor 1039"));
}

TEST_CASE("A queue that lies outside memory is found out at DRIVER_OK") {
  TransportRig rig;
  REQUIRE(rig.driver.negotiate(kFeatureVersion1));
  rig.driver.write32(kQueueSelect, 0);
  rig.driver.write32(kQueueSize, 8);
  rig.driver.write32(kQueueDescriptorHigh, 0xffffffff);
  rig.driver.write32(kQueueReady, 1);
  CHECK(rig.driver.read32(kQueueReady) == 1);
  rig.driver.write32(kStatus, kAcknowledge | kDriver | kFeaturesOk | kDriverOk);
  CHECK((rig.driver.status() & kNeedsReset) != 0);
  CHECK(rig.record.activations == 0);
}

TEST_CASE("A queue's size that is not a power of two is found out at DRIVER_OK") {
  TransportRig rig;
  REQUIRE(rig.driver.negotiate(kFeatureVersion1));
  for (const std::uint32_t size : {0U, 3U, 128U, 0x10040U}) {
    REQUIRE(rig.driver.negotiate(kFeatureVersion1));
    rig.driver.write32(kQueueSelect, 0);
    rig.driver.write32(kQueueSize, size);
    rig.driver.write32(kQueueReady, 1);
    rig.driver.write32(kStatus, kAcknowledge | kDriver | kFeaturesOk | kDriverOk);
    CHECK((rig.driver.status() & kNeedsReset) != 0);
  }
  CHECK(rig.record.activations == 0);
}

TEST_CASE("Queues cannot be moved while the device runs") {
  TransportRig rig;
  rig.driver.start();
  rig.driver.write32(kQueueSelect, 0);
  rig.driver.write32(kQueueReady, 0);
  rig.driver.write32(kQueueDescriptorLow, 0);
  CHECK(rig.driver.read32(kQueueReady) == 1);
  rig.driver.queues[0].add({{rig.driver.allocator.take(16), 16, true}});
  rig.driver.kick(0);
  rig.driver.wait_used(0);
}

TEST_CASE("A device whose driver set up no queue starts and does nothing") {
  TransportRig rig;
  REQUIRE(rig.driver.negotiate(kFeatureVersion1));
  rig.driver.write32(kStatus, kAcknowledge | kDriver | kFeaturesOk | kDriverOk);
  CHECK(rig.record.activations == 1);
  rig.driver.write32(kMmioQueueNotify, 0);
  CHECK((rig.driver.status() & kNeedsReset) == 0);
}

}  // namespace faasnap::virtio::test
