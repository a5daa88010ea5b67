// SPDX-License-Identifier: Apache-2.0

#include "machine/devices/bus.h"

#include <algorithm>

#include "base/error.h"

namespace faasnap::machine {

void Bus::add(std::uint64_t base, std::uint64_t size, BusDevice& device) {
  const auto next = ranges_.lower_bound(base);
  const bool hits_next = next != ranges_.end() && next->first - base < size;
  const bool hits_previous =
      next != ranges_.begin() && base - std::prev(next)->first < std::prev(next)->second.size;
  if (hits_next || hits_previous) {
    base::fail(ErrorKind::internal, "add device to bus", {}, "its range overlaps another");
  }
  ranges_.emplace(base, Range{size, &device});
}

Bus::Ranges::const_iterator Bus::find(std::uint64_t address, std::size_t length) const {
  auto found = ranges_.upper_bound(address);
  if (found == ranges_.begin()) {
    return ranges_.end();
  }
  --found;
  const std::uint64_t offset = address - found->first;
  const bool inside = offset < found->second.size && length <= found->second.size - offset;
  return inside ? found : ranges_.end();
}

void Bus::read(std::uint64_t address, std::span<std::byte> data) const {
  std::ranges::fill(data, std::byte{0xff});
  const auto found = find(address, data.size());
  if (found != ranges_.end()) {
    found->second.device->read(address - found->first, data);
  }
}

void Bus::write(std::uint64_t address, std::span<const std::byte> data) const {
  const auto found = find(address, data.size());
  if (found != ranges_.end()) {
    found->second.device->write(address - found->first, data);
  }
}

}  // namespace faasnap::machine
