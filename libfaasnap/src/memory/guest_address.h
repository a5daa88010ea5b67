#pragma once

#include <compare>
#include <cstdint>
#include <optional>

namespace faasnap::memory {

// A guest physical address. A type of its own, so that it is never taken for a host pointer, and
// with checked arithmetic, since most of its values come from the guest.
struct GuestAddress {
  std::uint64_t value = 0;

  constexpr auto operator<=>(const GuestAddress&) const = default;

  // This address plus `offset` bytes; nothing when that overflows.
  constexpr std::optional<GuestAddress> plus(std::uint64_t offset) const {
    std::uint64_t sum = 0;
    if (__builtin_add_overflow(value, offset, &sum)) {
      return std::nullopt;
    }
    return GuestAddress{sum};
  }
};

}  // namespace faasnap::memory
