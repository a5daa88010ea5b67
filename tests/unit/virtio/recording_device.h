// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <atomic>
#include <memory>

#include <catch2/catch_test_macros.hpp>

#include "virtio/fake_driver.h"

namespace faasnap::virtio::test {

// The only feature that RecordingDevice offers.
inline constexpr std::uint64_t kOwnFeature = 1ULL << 3;

// A device of two queues that records the calls of the transport and returns every chain at once.
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
  void notify() override {
    for (Queue& queue : queues_) {
      DescriptorChain chain;
      while (!record_.drained && queue.pop(chain)) {
        ++record_.chains;
        queue.push_used(chain.head, 0);
      }
      queue.enable_notifications();
      queue.signal_used();
    }
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

// A RecordingDevice, its driver, and its record.
struct TransportRig {
  TransportRig() : driver(world, std::make_unique<RecordingDevice>(record)) {}
  ~TransportRig() { CHECK(world.failures() == 0); }
  World world;
  RecordingDevice::Record record;
  FakeDriver driver;
};

}  // namespace faasnap::virtio::test
