// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

namespace faasnap::virtio {

// Offsets in bytes of the registers of virtio-mmio version 2 (virtio 1.2, section 4.2.2). Each is
// 32 bits wide. mmio_transport.h has the ones that the machine needs, too.
enum MmioRegister : std::uint64_t {
  kMagicValue = 0x000,
  kVersion = 0x004,
  kDeviceId = 0x008,
  kVendorId = 0x00c,
  kDeviceFeatures = 0x010,
  kDeviceFeaturesSelect = 0x014,
  kDriverFeatures = 0x020,
  kDriverFeaturesSelect = 0x024,
  kQueueSelect = 0x030,
  kQueueSizeMaximum = 0x034,
  kQueueSize = 0x038,
  kQueueReady = 0x044,
  kStatus = 0x070,
  kQueueDescriptorLow = 0x080,
  kQueueDescriptorHigh = 0x084,
  kQueueDriverLow = 0x090,
  kQueueDriverHigh = 0x094,
  kQueueDeviceLow = 0x0a0,
  kQueueDeviceHigh = 0x0a4,
  kSharedMemoryLengthLow = 0x0b0,
  kSharedMemoryLengthHigh = 0x0b4,
  kSharedMemoryBaseLow = 0x0b8,
  kSharedMemoryBaseHigh = 0x0bc,
  kConfigGeneration = 0x0fc,
  kConfig = 0x100,
};

// "virt", little-endian.
inline constexpr std::uint32_t kMagic = 0x74726976;
inline constexpr std::uint32_t kTransportVersion = 2;

// Device status (virtio 1.2, section 2.1).
inline constexpr std::uint32_t kAcknowledge = 1;
inline constexpr std::uint32_t kDriver = 2;
inline constexpr std::uint32_t kDriverOk = 4;
inline constexpr std::uint32_t kFeaturesOk = 8;
inline constexpr std::uint32_t kNeedsReset = 0x40;
inline constexpr std::uint32_t kFailed = 0x80;

// Interrupt status.
inline constexpr std::uint32_t kUsedBuffer = 1;
inline constexpr std::uint32_t kConfigChange = 2;

// Feature bits of rings and transport (virtio 1.2, section 6).
inline constexpr std::uint64_t kFeatureIndirect = 1ULL << 28;
inline constexpr std::uint64_t kFeatureEventIndex = 1ULL << 29;
inline constexpr std::uint64_t kFeatureVersion1 = 1ULL << 32;

}  // namespace faasnap::virtio
