#include "virtio/mmio_transport.h"

#include <faasnap/error.h>

#include <catch2/catch_test_macros.hpp>

#include <array>

#include "virtio/fake_driver.h"

namespace faasnap::virtio::test {
namespace {

constexpr std::uint64_t kOwnFeature = 1ULL << 3;

// A device of two queues that writes down what the transport asks of it, and returns every chain
// of queue 0 at once.
class RecordingDevice final : public Device {
 public:
  struct Record {
    std::atomic<unsigned> activations{0};
    std::atomic<unsigned> resets{0};
    std::atomic<unsigned> chains{0};
    std::atomic<unsigned> resumes{0};
    std::atomic<bool> drained{false};
    std::atomic<bool> restored{false};
    std::atomic<std::uint64_t> features{0};
    std::atomic<std::uint32_t> kept{0};
  };
  explicit RecordingDevice(Record& record) : record_(record) {}

  std::string_view name() const noexcept override { return "recorder"; }
  std::uint32_t type() const noexcept override { return 42; }
  std::uint64_t features() const noexcept override { return kOwnFeature; }
  std::span<const std::uint16_t> queue_sizes() const noexcept override { return kSizes; }
  std::span<const std::byte> config() const noexcept override { return config_; }
  void activate(std::span<Queue> queues, std::uint64_t features, Activation activation) override {
    queues_ = queues;
    record_.features = features;
    record_.restored = activation == Activation::restored;
    ++record_.activations;
  }
  void notify(std::size_t index) override {
    DescriptorChain chain;
    while (!record_.drained && queues_[index].pop(chain)) {
      ++record_.chains;
      queues_[index].push_used(chain.head, 0);
    }
    queues_[index].enable_notifications();
    queues_[index].signal_used();
  }
  void drain() override { record_.drained = true; }
  void resume() override {
    record_.drained = false;
    ++record_.resumes;
  }
  void reset() noexcept override {
    queues_ = {};
    ++record_.resets;
  }
  void save(base::ByteWriter& state) const override { state.put(std::uint32_t{7}); }
  void restore(base::ByteReader& state) override {
    const auto kept = state.get<std::uint32_t>();
    if (kept != 7) {
      state.reject("not a recorder's state");
    }
    record_.kept = kept;
  }

 private:
  static constexpr std::array<std::uint16_t, 2> kSizes{64, 16};
  Record& record_;
  std::span<Queue> queues_;
  std::array<std::byte, 6> config_{std::byte{1}, std::byte{2}, std::byte{3},
                                   std::byte{4}, std::byte{5}, std::byte{6}};
};

struct Rig {
  Rig() : driver(world, std::make_unique<RecordingDevice>(record)) {}
  ~Rig() { CHECK(world.failures() == 0); }
  World world;
  RecordingDevice::Record record;
  FakeDriver driver;
};

// The kind of error that restoring `state` into a fresh device ends with.
std::optional<ErrorKind> restore_error(std::vector<std::byte> state) {
  Rig rig;
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

TEST_CASE("The identity registers name a virtio-mmio device of version 2") {
  Rig rig;
  CHECK(rig.driver.read32(kMagicValue) == 0x74726976);
  CHECK(rig.driver.read32(kVersion) == 2);
  CHECK(rig.driver.read32(kDeviceId) == 42);
  CHECK(rig.driver.read32(kVendorId) == 0);
  CHECK(rig.driver.read32(kConfigGeneration) == 0);
}

TEST_CASE("There is no shared memory region") {
  Rig rig;
  CHECK(rig.driver.read32(kSharedMemoryLengthLow) == 0xffffffff);
  CHECK(rig.driver.read32(kSharedMemoryLengthHigh) == 0xffffffff);
}

TEST_CASE("Features are offered in two halves, and nothing beyond") {
  Rig rig;
  CHECK(rig.driver.device_features() ==
        (kOwnFeature | kFeatureIndirect | kFeatureEventIndex | kFeatureVersion1));
  rig.driver.write32(kDeviceFeaturesSelect, 2);
  CHECK(rig.driver.read32(kDeviceFeatures) == 0);
}

TEST_CASE("Features that are offered are accepted and reach the device") {
  Rig rig;
  rig.driver.start();
  CHECK(rig.record.activations == 1);
  CHECK(rig.record.features ==
        (kOwnFeature | kFeatureIndirect | kFeatureEventIndex | kFeatureVersion1));
  CHECK_FALSE(rig.record.restored);
}

TEST_CASE("A feature that is not offered keeps FEATURES_OK from being set") {
  Rig rig;
  CHECK_FALSE(rig.driver.negotiate(kFeatureVersion1 | (1ULL << 34)));
  rig.driver.write32(kStatus, kAcknowledge | kDriver | kDriverOk);
  CHECK((rig.driver.status() & kDriverOk) == 0);
  CHECK(rig.record.activations == 0);
}

TEST_CASE("A legacy driver is refused") {
  Rig rig;
  CHECK_FALSE(rig.driver.negotiate(kOwnFeature));
}

TEST_CASE("Features cannot change once they are agreed on") {
  Rig rig;
  REQUIRE(rig.driver.negotiate(kFeatureVersion1));
  rig.driver.write32(kDriverFeaturesSelect, 0);
  rig.driver.write32(kDriverFeatures, static_cast<std::uint32_t>(kOwnFeature));
  rig.driver.write32(kStatus, kAcknowledge | kDriver | kFeaturesOk | kDriverOk);
  CHECK(rig.record.features == kFeatureVersion1);
}

TEST_CASE("Queues have the device's sizes, and those it lacks have none") {
  Rig rig;
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
  Rig rig;
  CHECK(rig.driver.read_config(0, 1) == std::vector{std::byte{1}});
  CHECK(rig.driver.read_config(2, 2) == std::vector{std::byte{3}, std::byte{4}});
  CHECK(rig.driver.read_config(2, 4) ==
        std::vector{std::byte{3}, std::byte{4}, std::byte{5}, std::byte{6}});
  CHECK(rig.driver.read_config(4, 4) == std::vector<std::byte>(4));
  CHECK(rig.driver.read_config(6, 1) == std::vector<std::byte>(1));
  CHECK(rig.driver.read_config(0xdf0, 8) == std::vector<std::byte>(8));
}

TEST_CASE("Accesses of a wrong width or place read zero and change nothing") {
  Rig rig;
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
  Rig rig;
  rig.driver.start();
  const Buffer buffer{rig.driver.allocator.take(16), 16, true};
  rig.driver.queues[0].add({buffer});
  rig.driver.write32(kMmioQueueNotify, 0);
  rig.driver.wait_used(0);
  rig.driver.queues[0].add({buffer});
  rig.driver.transport->notifier(0).signal();
  rig.driver.wait_used(0);
  CHECK(rig.record.chains == 2);
}

TEST_CASE("A notification of a queue that does not exist is ignored") {
  Rig rig;
  rig.driver.start();
  rig.driver.write32(kMmioQueueNotify, 2);
  rig.driver.write32(kMmioQueueNotify, 0xffffffff);
  CHECK((rig.driver.status() & kNeedsReset) == 0);
}

TEST_CASE("A used buffer raises the interrupt until it is acknowledged, on any thread") {
  Rig rig;
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
  Rig rig;
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
  Rig rig;
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
  Rig rig;
  for (unsigned i = 0; i < 40; ++i) {
    rig.driver.start();
    rig.driver.queues[0].offer(static_cast<std::uint16_t>(1000 + i));
    rig.driver.write32(kMmioQueueNotify, 0);
  }
  CHECK(rig.world.logged("descriptor 1000"));
  CHECK_FALSE(rig.world.logged("descriptor 1039"));
}

TEST_CASE("A queue that lies outside memory is found out at DRIVER_OK") {
  Rig rig;
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
  Rig rig;
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
  Rig rig;
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
  Rig rig;
  REQUIRE(rig.driver.negotiate(kFeatureVersion1));
  rig.driver.write32(kStatus, kAcknowledge | kDriver | kFeaturesOk | kDriverOk);
  CHECK(rig.record.activations == 1);
  rig.driver.write32(kMmioQueueNotify, 0);
  CHECK((rig.driver.status() & kNeedsReset) == 0);
}

TEST_CASE("A drained device takes nothing, and resume makes up for lost notifications") {
  Rig rig;
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
  Rig rig;
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
  Rig saved;
  saved.driver.start();
  for (unsigned i = 0; i < 3; ++i) {
    saved.driver.queues[0].add({{saved.driver.allocator.take(16), 16, true}});
    saved.driver.kick(0);
    saved.driver.wait_used(0);
  }
  saved.driver.drain();
  saved.driver.queues[0].add({{saved.driver.allocator.take(16), 16, true}});
  const auto state = saved.driver.save();

  Rig clone;
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
  Rig saved;
  REQUIRE(saved.driver.negotiate(kFeatureVersion1 | kFeatureEventIndex));
  saved.driver.write32(kQueueSelect, 1);
  saved.driver.write32(kQueueSize, 16);
  saved.driver.write32(kQueueDescriptorLow, 0x1000);
  const auto state = saved.driver.save();
  Rig clone;
  clone.driver.restore(state);
  CHECK(clone.record.activations == 0);
  CHECK(clone.driver.save() == state);
}

TEST_CASE("A device that needs a reset is restored as one that needs a reset") {
  Rig saved;
  saved.driver.start();
  saved.driver.queues[0].offer(9999);
  saved.driver.write32(kMmioQueueNotify, 0);
  saved.driver.drain();
  const auto state = saved.driver.save();
  Rig clone;
  clone.driver.restore(state);
  CHECK((clone.driver.status() & kNeedsReset) != 0);
  CHECK(clone.record.activations == 0);
}

TEST_CASE("A damaged state is refused with nothing changed") {
  Rig saved;
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
  Rig saved;
  saved.driver.start();
  saved.driver.drain();
  const auto good = saved.driver.save();
  for (std::size_t length = 0; length < good.size(); length += 3) {
    CHECK(restore_error({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length)}) ==
          ErrorKind::corrupt);
  }
}

}  // namespace faasnap::virtio::test
