// SPDX-License-Identifier: Apache-2.0

#include "virtio/mmio_registers.h"

#include <algorithm>
#include <cstring>

#include "virtio/mmio_transport.h"

namespace faasnap::virtio {
namespace {

constexpr std::uint32_t low_half(std::uint64_t value) { return static_cast<std::uint32_t>(value); }

constexpr std::uint64_t with_low_half(std::uint64_t old, std::uint32_t value) {
  return (old & ~0xffff'ffffULL) | value;
}

constexpr std::uint64_t with_high_half(std::uint64_t old, std::uint32_t value) {
  return (old & 0xffff'ffffULL) | (static_cast<std::uint64_t>(value) << 32);
}

}  // namespace

void MmioTransport::read(std::uint64_t offset, std::span<std::byte> out) {
  std::fill(out.begin(), out.end(), std::byte{0});
  if (offset >= kConfig) {
    const auto config = device_->config();
    const std::uint64_t start = offset - kConfig;
    if (start < config.size() && out.size() <= config.size() - start) {
      std::memcpy(out.data(), config.data() + start, out.size());
    }
    return;
  }
  if (out.size() == sizeof(std::uint32_t) && offset % sizeof(std::uint32_t) == 0) {
    const std::uint32_t value = read_register(offset);
    std::memcpy(out.data(), &value, sizeof(value));
  }
}

void MmioTransport::write(std::uint64_t offset, std::span<const std::byte> data) {
  std::uint32_t value = 0;
  if (offset < kConfig && data.size() == sizeof(value) && offset % sizeof(value) == 0) {
    std::memcpy(&value, data.data(), sizeof(value));
    write_register(offset, value);
  }
}

std::uint32_t MmioTransport::read_register(std::uint64_t offset) const noexcept {
  const bool known_queue = registers_.queue_select < queue_states_.size();
  switch (offset) {
    case kMagicValue:
      return kMagic;
    case kVersion:
      return kTransportVersion;
    case kDeviceId:
      return device_->type();
    case kDeviceFeatures:
      switch (registers_.device_feature_select) {
        case 0:
          return low_half(offered_features());
        case 1:
          return low_half(offered_features() >> 32);
        default:
          return 0;
      }
    case kQueueSizeMaximum:
      return known_queue ? device_->queue_sizes()[registers_.queue_select] : 0;
    case kQueueReady:
      return known_queue && queue_states_[registers_.queue_select].ready ? 1 : 0;
    case kMmioInterruptStatus:
      return interrupt_status();
    case kStatus:
      return registers_.status;
    case kConfigGeneration:
      return device_->config_generation();
    case kSharedMemoryLengthLow:
    case kSharedMemoryLengthHigh:
    case kSharedMemoryBaseLow:
    case kSharedMemoryBaseHigh:
      return ~0U;  // there is no shared memory region
    default:
      return 0;
  }
}

void MmioTransport::write_register(std::uint64_t offset, std::uint32_t value) {
  switch (offset) {
    case kDeviceFeaturesSelect:
      registers_.device_feature_select = value;
      break;
    case kDriverFeatures:
      write_driver_features(value);
      break;
    case kDriverFeaturesSelect:
      registers_.driver_feature_select = value;
      break;
    case kQueueSelect:
      registers_.queue_select = value;
      break;
    case kMmioQueueNotify:
      notify();
      break;
    case kMmioInterruptAck:
      acknowledge_interrupt(value);
      break;
    case kStatus:
      write_status(value);
      break;
    default:
      write_queue_register(offset, value);
  }
}

void MmioTransport::write_driver_features(std::uint32_t value) noexcept {
  if (!has_status(kDriver) || has_status(kFeaturesOk)) {
    return;
  }
  std::uint64_t& features = registers_.driver_features;
  if (registers_.driver_feature_select == 0) {
    features = with_low_half(features, value);
  } else if (registers_.driver_feature_select == 1) {
    features = with_high_half(features, value);
  }
}

void MmioTransport::write_queue_register(std::uint64_t offset, std::uint32_t value) noexcept {
  if (!has_status(kFeaturesOk) || has_status(kDriverOk) ||
      registers_.queue_select >= queue_states_.size()) {
    return;
  }
  QueueState& queue = queue_states_[registers_.queue_select];
  if (offset == kQueueReady) {
    queue.ready = (value & 1) != 0;
    return;
  }
  if (queue.ready) {
    return;
  }
  QueueLayout& layout = queue.layout;
  switch (offset) {
    case kQueueSize:
      // An invalid size becomes 0, which the check rejects when the driver is done.
      layout.size = value <= 0xffff ? static_cast<std::uint16_t>(value) : 0;
      break;
    case kQueueDescriptorLow:
      layout.descriptors.value = with_low_half(layout.descriptors.value, value);
      break;
    case kQueueDescriptorHigh:
      layout.descriptors.value = with_high_half(layout.descriptors.value, value);
      break;
    case kQueueDriverLow:
      layout.available.value = with_low_half(layout.available.value, value);
      break;
    case kQueueDriverHigh:
      layout.available.value = with_high_half(layout.available.value, value);
      break;
    case kQueueDeviceLow:
      layout.used.value = with_low_half(layout.used.value, value);
      break;
    case kQueueDeviceHigh:
      layout.used.value = with_high_half(layout.used.value, value);
      break;
    default:
      break;
  }
}

}  // namespace faasnap::virtio
