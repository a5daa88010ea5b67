// SPDX-License-Identifier: Apache-2.0

#include "virtio/fake_driver.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <thread>

namespace faasnap::virtio::test {

bool wait_until(const std::function<bool()>& condition) {
  // Thread sanitizer on a busy host takes half a minute for some of them.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  return true;
}

void World::record(std::exception_ptr failure) {
  const std::lock_guard lock(mutex_);
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    failures_.push_back(error.what());
  }
}

std::size_t World::failures() {
  const std::lock_guard lock(mutex_);
  return failures_.size();
}

LogSink World::log() {
  return [this](LogLevel, std::string_view text) {
    const std::lock_guard lock(mutex_);
    logged_.emplace_back(text);
  };
}

bool World::logged(std::string_view text) {
  const std::lock_guard lock(mutex_);
  return std::any_of(logged_.begin(), logged_.end(), [text](const std::string& line) {
    return line.find(text) != std::string::npos;
  });
}

FakeDriver::FakeDriver(World& world_in, std::unique_ptr<Device> device)
    : world(world_in),
      transport(std::make_unique<MmioTransport>(world.loop, world.memory, std::move(device),
                                                interrupt, world.log())) {}

FakeDriver::~FakeDriver() {
  world.loop.run([this] { transport.reset(); });
}

std::uint32_t FakeDriver::read32(std::uint64_t offset) {
  std::uint32_t value = 0;
  on_loop([&] { transport->read(offset, std::as_writable_bytes(std::span(&value, 1))); });
  return value;
}

void FakeDriver::write32(std::uint64_t offset, std::uint32_t value) {
  on_loop([&] { transport->write(offset, std::as_bytes(std::span(&value, 1))); });
}

std::vector<std::byte> FakeDriver::read_config(std::uint64_t offset, std::size_t length) {
  std::vector<std::byte> out(length, std::byte{0xaa});
  on_loop([&] { transport->read(kConfig + offset, out); });
  return out;
}

std::uint64_t FakeDriver::device_features() {
  write32(kDeviceFeaturesSelect, 0);
  const std::uint64_t low = read32(kDeviceFeatures);
  write32(kDeviceFeaturesSelect, 1);
  return low | (static_cast<std::uint64_t>(read32(kDeviceFeatures)) << 32);
}

bool FakeDriver::negotiate(std::uint64_t features) {
  write32(kStatus, 0);
  write32(kStatus, kAcknowledge);
  write32(kStatus, kAcknowledge | kDriver);
  write32(kDriverFeaturesSelect, 0);
  write32(kDriverFeatures, static_cast<std::uint32_t>(features));
  write32(kDriverFeaturesSelect, 1);
  write32(kDriverFeatures, static_cast<std::uint32_t>(features >> 32));
  write32(kStatus, kAcknowledge | kDriver | kFeaturesOk);
  return (status() & kFeaturesOk) != 0;
}

void FakeDriver::set_up_queue(std::size_t index) {
  const QueueLayout& layout = queues[index].layout();
  const auto high = [](GuestAddress address) {
    return static_cast<std::uint32_t>(address.value >> 32);
  };
  const auto low = [](GuestAddress address) { return static_cast<std::uint32_t>(address.value); };
  write32(kQueueSelect, static_cast<std::uint32_t>(index));
  write32(kQueueSize, layout.size);
  write32(kQueueDescriptorLow, low(layout.descriptors));
  write32(kQueueDescriptorHigh, high(layout.descriptors));
  write32(kQueueDriverLow, low(layout.available));
  write32(kQueueDriverHigh, high(layout.available));
  write32(kQueueDeviceLow, low(layout.used));
  write32(kQueueDeviceHigh, high(layout.used));
  write32(kQueueReady, 1);
}

void FakeDriver::start(std::uint64_t ring_features, std::uint16_t size, std::uint64_t without) {
  const std::uint64_t own = device_features() & 0xffffff & ~without;
  if (!negotiate(own | ring_features | kFeatureVersion1)) {
    throw std::runtime_error("the device refused its own features");
  }
  queues.clear();
  for (std::size_t i = 0; i < transport->queue_count(); ++i) {
    write32(kQueueSelect, static_cast<std::uint32_t>(i));
    const auto maximum = static_cast<std::uint16_t>(read32(kQueueSizeMaximum));
    queues.emplace_back(world.memory, allocator, std::min(size, maximum));
    queues.back().event_index = (ring_features & kFeatureEventIndex) != 0;
    set_up_queue(i);
  }
  write32(kStatus, kAcknowledge | kDriver | kFeaturesOk | kDriverOk);
}

void FakeDriver::kick(std::size_t index) {
  if (queues[index].needs_kick()) {
    transport->notifier().signal();
  }
}

Used FakeDriver::wait_used(std::size_t index) {
  std::optional<Used> used;
  if (!wait_until([&] { return (used = queues[index].take_used()).has_value(); })) {
    throw std::runtime_error("the device does not return the chain");
  }
  return *used;
}

void FakeDriver::drain() {
  on_loop([this] { transport->drain(); });
}

void FakeDriver::resume() {
  on_loop([this] { transport->resume(); });
}

std::vector<std::byte> FakeDriver::save() {
  std::vector<std::byte> state;
  on_loop([&] { state = transport->save(); });
  return state;
}

void FakeDriver::restore(const std::vector<std::byte>& state) {
  on_loop([&] {
    base::ByteReader reader(state, "state", "device");
    transport->restore(reader);
    reader.finish();
  });
}

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::vector<std::byte> pattern(std::size_t size, std::uint32_t seed) {
  std::vector<std::byte> out(size);
  std::uint32_t state = seed * 2654435761U + 1;
  for (std::byte& byte : out) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<std::byte>(state >> 24);
  }
  return out;
}

}  // namespace faasnap::virtio::test
