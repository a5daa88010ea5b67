// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <compare>
#include <cstdint>
#include <optional>

namespace faasnap::memory {

// A guest physical address. A type of its own, so that it cannot be mistaken for a host pointer;
// its arithmetic is checked, since most values come from the guest.
struct GuestAddress {
  std::uint64_t value = 0;

  constexpr auto operator<=>(const GuestAddress&) const = default;

  // Returns this address plus `offset` bytes, or nothing if that overflows.
  constexpr std::optional<GuestAddress> plus(std::uint64_t offset) const {
    std::uint64_t sum = 0;
    if (__builtin_add_overflow(value, offset, &sum)) {
      return std::nullopt;
    }
    return GuestAddress{sum};
  }
};

}  // namespace faasnap::memory
