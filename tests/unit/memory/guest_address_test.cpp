// SPDX-License-Identifier: Apache-2.0

#include "memory/guest_address.h"

#include <catch2/catch_test_macros.hpp>
#include <limits>

namespace faasnap::memory {
namespace {

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

TEST_CASE("an address plus an offset is the sum, or nothing when it overflows") {
  CHECK(GuestAddress{5}.plus(7) == GuestAddress{12});
  CHECK(GuestAddress{kMax}.plus(0) == GuestAddress{kMax});
  CHECK(GuestAddress{kMax - 1}.plus(1) == GuestAddress{kMax});
  CHECK_FALSE(GuestAddress{kMax}.plus(1).has_value());
  CHECK_FALSE(GuestAddress{1}.plus(kMax).has_value());
}

}  // namespace
}  // namespace faasnap::memory
