// SPDX-License-Identifier: Apache-2.0

// Drain, resume, save, restore.
#include "virtio/mmio_transport.h"

#include <faasnap/error.h>

#include <catch2/catch_test_macros.hpp>

#include "virtio/recording_device.h"

namespace faasnap::virtio::test {
namespace {

// The kind of error that restoring `state` into a fresh device ends with.
std::optional<ErrorKind> restore_error(std::vector<std::byte> state) {
  TransportRig rig;
  try {
    rig.driver.restore(state);
  } catch (const Error& error) {
    CHECK_FALSE(rig.driver.transport->active());
    CHECK(rig.driver.status() == 0);
    CHECK(rig.record.activations == 0);
    return error.kind();
  }
  return std::nullopt;
}

void patch32(std::vector<std::byte>& state, std::size_t offset, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) {
    state.at(offset + i) = static_cast<std::byte>(value >> (8 * i));
  }
}

// Offsets within the saved state, as mmio_transport_state.cpp lists the fields.
constexpr std::size_t kSavedStatus = 4;
constexpr std::size_t kSavedFeatures = 20;
constexpr std::size_t kSavedInterrupt = 28;
constexpr std::size_t kSavedQueueCount = 32;
constexpr std::size_t kSavedQueue = 36;
constexpr std::size_t kSavedQueueSize = 32;

}  // namespace

TEST_CASE("A drained device takes nothing, and resume makes up for lost notifications") {
  TransportRig rig;
  rig.driver.start();
  rig.driver.drain();
  rig.driver.queues[0].add({{rig.driver.allocator.take(16), 16, true}});
  rig.driver.kick(0);
  rig.driver.on_loop([] {});
  rig.driver.on_loop([] {});
  CHECK(rig.record.chains == 0);
  rig.driver.resume();
  rig.driver.wait_used(0);
  CHECK(rig.record.chains == 1);
}

TEST_CASE("Resume repeats an interrupt that the driver has not acknowledged") {
  TransportRig rig;
  rig.driver.start();
  rig.driver.queues[0].add({{rig.driver.allocator.take(16), 16, true}});
  rig.driver.kick(0);
  rig.driver.wait_used(0);
  rig.driver.drain();
  const unsigned before = rig.driver.interrupt.count;
  rig.driver.resume();
  CHECK(rig.driver.interrupt.count == before + 1);
  rig.driver.transport->acknowledge_interrupt(kUsedBuffer);
  rig.driver.drain();
  rig.driver.resume();
  CHECK(rig.driver.interrupt.count == before + 1);
}

TEST_CASE("A restored device goes on where the saved one stopped") {
  TransportRig saved;
  saved.driver.start();
  for (unsigned i = 0; i < 3; ++i) {
    saved.driver.queues[0].add({{saved.driver.allocator.take(16), 16, true}});
    saved.driver.kick(0);
    saved.driver.wait_used(0);
  }
  saved.driver.drain();
  saved.driver.queues[0].add({{saved.driver.allocator.take(16), 16, true}});
  const auto state = saved.driver.save();

  TransportRig clone;
  std::copy(saved.world.memory.host().begin(), saved.world.memory.host().begin() + (8 << 20),
            clone.world.memory.host().begin());
  clone.driver.restore(state);
  CHECK(clone.record.restored);
  CHECK(clone.record.kept == 7);
  CHECK(clone.driver.status() == (kAcknowledge | kDriver | kFeaturesOk | kDriverOk));
  CHECK(clone.driver.transport->interrupt_status() == kUsedBuffer);
  CHECK(clone.record.chains == 0);
  clone.driver.resume();
  CHECK(clone.record.chains == 1);
  CHECK(clone.driver.interrupt.count >= 1);
  CHECK(clone.driver.save().size() == state.size());
}

TEST_CASE("Saved registers come back bit by bit") {
  TransportRig saved;
  REQUIRE(saved.driver.negotiate(kFeatureVersion1 | kFeatureEventIndex));
  saved.driver.write32(kQueueSelect, 1);
  saved.driver.write32(kQueueSize, 16);
  saved.driver.write32(kQueueDescriptorLow, 0x1000);
  const auto state = saved.driver.save();
  TransportRig clone;
  clone.driver.restore(state);
  CHECK(clone.record.activations == 0);
  CHECK(clone.driver.save() == state);
}

TEST_CASE("A device that needs a reset is restored as one that needs a reset") {
  TransportRig saved;
  saved.driver.start();
  saved.driver.queues[0].offer(9999);
  saved.driver.write32(kMmioQueueNotify, 0);
  saved.driver.drain();
  const auto state = saved.driver.save();
  TransportRig clone;
  clone.driver.restore(state);
  CHECK((clone.driver.status() & kNeedsReset) != 0);
  CHECK(clone.record.activations == 0);
}

TEST_CASE("A damaged state is refused with nothing changed") {
  TransportRig saved;
  saved.driver.start();
  saved.driver.drain();
  const auto good = saved.driver.save();
  CHECK(restore_error(good) == std::nullopt);
  const auto damaged = [&good](std::size_t offset, std::uint32_t value) {
    auto state = good;
    patch32(state, offset, value);
    return restore_error(std::move(state));
  };
  CHECK(damaged(0, 41) == ErrorKind::corrupt);                             // device type
  CHECK(damaged(kSavedStatus, 0x100) == ErrorKind::corrupt);               // unknown bits
  CHECK(damaged(kSavedStatus, kDriverOk) == ErrorKind::corrupt);           // no FEATURES_OK
  CHECK(damaged(kSavedFeatures, 1) == ErrorKind::corrupt);                 // not offered
  CHECK(damaged(kSavedFeatures + 4, 0) == ErrorKind::corrupt);             // no VERSION_1
  CHECK(damaged(kSavedInterrupt, 4) == ErrorKind::corrupt);                // unknown bit
  CHECK(damaged(kSavedQueueCount, 3) == ErrorKind::corrupt);               // queues
  CHECK(damaged(kSavedQueue, 0x10003) == ErrorKind::corrupt);              // size 3
  CHECK(damaged(kSavedQueue + 2, 2) == ErrorKind::corrupt);                // ready
  CHECK(damaged(kSavedQueue + 6, 0xfffffff0) == ErrorKind::corrupt);       // descriptors
  CHECK(damaged(kSavedQueue + 6 + 8, 0xfffffff0) == ErrorKind::corrupt);   // available
  CHECK(damaged(kSavedQueue + 6 + 16, 0xfffffff0) == ErrorKind::corrupt);  // used
  CHECK(damaged(good.size() - 4, 8) == ErrorKind::corrupt);                // the device's own
  CHECK(kSavedQueue + 2 * kSavedQueueSize + 4 == good.size());
}

TEST_CASE("A state that ends early is refused wherever it ends") {
  TransportRig saved;
  saved.driver.start();
  saved.driver.drain();
  const auto good = saved.driver.save();
  for (std::size_t length = 0; length < good.size(); length += 3) {
    CHECK(restore_error({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length)}) ==
          ErrorKind::corrupt);
  }
}

}  // namespace faasnap::virtio::test
