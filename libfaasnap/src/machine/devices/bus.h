// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>

namespace faasnap::machine {

// Answers the guest's accesses to a range of ports or of physical addresses. Called on vCPU
// threads, concurrently.
class BusDevice {
 public:
  virtual ~BusDevice() = default;
  // `offset` counts from the start of the device's range; `data` has 1, 2, 4 or 8 bytes and lies
  // within the range.
  virtual void read(std::uint64_t offset, std::span<std::byte> data) = 0;
  virtual void write(std::uint64_t offset, std::span<const std::byte> data) = 0;
};

// Ranges of an address space and their devices. Does not own the devices. Filled before the vCPUs
// start, constant afterwards.
class Bus {
 public:
  // Throws ErrorKind::internal if ranges overlap: the layout is the library's own.
  void add(std::uint64_t base, std::uint64_t size, BusDevice& device);

  // An access outside all ranges reads all ones and ignores writes, as on real hardware.
  void read(std::uint64_t address, std::span<std::byte> data) const;
  void write(std::uint64_t address, std::span<const std::byte> data) const;

 private:
  struct Range {
    std::uint64_t size;
    BusDevice* device;
  };
  using Ranges = std::map<std::uint64_t, Range>;
  Ranges::const_iterator find(std::uint64_t address, std::size_t length) const;

  Ranges ranges_;
};

}  // namespace faasnap::machine
