#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>

namespace faasnap::machine {

// What answers the guest's accesses to a range of ports or of physical addresses. Called on vCPU
// threads, several at once.
class BusDevice {
 public:
  virtual ~BusDevice() = default;
  // `offset` counts from the start of the device's range; `data` has 1, 2, 4 or 8 bytes and lies in
  // the range.
  virtual void read(std::uint64_t offset, std::span<std::byte> data) = 0;
  virtual void write(std::uint64_t offset, std::span<const std::byte> data) = 0;
};

// Ranges of an address space and the devices behind them. Does not own the devices. Filled before
// the vCPUs start, constant from then on.
class Bus {
 public:
  // Ranges must not overlap (ErrorKind::internal: the layout is the library's own).
  void add(std::uint64_t base, std::uint64_t size, BusDevice& device);

  // Accesses outside every range read as all ones and write nothing, as on real hardware.
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
