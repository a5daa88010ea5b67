// SPDX-License-Identifier: Apache-2.0

#include "memory/guest_memory.h"

#include <catch2/catch_test_macros.hpp>
#include <limits>

#include "support/support.h"

namespace faasnap::memory {
namespace {

using test::error_of;

constexpr std::uint64_t kLargest = std::numeric_limits<std::uint64_t>::max();

TEST_CASE("memory of up to 3 GiB is one region from address zero") {
  for (const Bytes size : {kMinimumSize, Bytes{kHoleStart.value}}) {
    const GuestMemory memory(size);
    REQUIRE(memory.regions().size() == 1);
    CHECK(memory.regions()[0].base == GuestAddress{0});
    CHECK(memory.regions()[0].size == size);
    CHECK(memory.host().size() == size.value);
  }
}

TEST_CASE("memory beyond 3 GiB continues at 4 GiB, without a gap in the image") {
  const GuestMemory memory(Bytes{kHoleStart.value + kPageSize});
  REQUIRE(memory.regions().size() == 2);
  const Region& high = memory.regions()[1];
  CHECK(high.base == kHoleEnd);
  CHECK(high.size == Bytes{kPageSize});
  CHECK(high.image_offset == Bytes{kHoleStart.value});
  const auto view = memory.view(kHoleEnd, 1);
  REQUIRE(view.has_value());
  CHECK(view->data() == memory.host().data() + kHoleStart.value);
}

TEST_CASE("sizes outside the limits, or of no whole number of pages, are refused") {
  for (const std::uint64_t size :
       {std::uint64_t{0}, kMinimumSize.value - kPageSize, kMinimumSize.value + 1,
        kMaximumSize.value + kPageSize, kLargest}) {
    CHECK(error_of([&] { GuestMemory(Bytes{size}); }).kind() == ErrorKind::invalid_argument);
  }
}

TEST_CASE("a view lies in one region whole, or there is none") {
  const GuestMemory memory(Bytes{kHoleStart.value + 4 * kPageSize});
  const std::uint64_t low = kHoleStart.value;
  const std::uint64_t high_end = kHoleEnd.value + 4 * kPageSize;
  CHECK(memory.view({0}, low).has_value());
  CHECK(memory.view({low - 1}, 1).has_value());
  CHECK(memory.view({high_end - 1}, 1).has_value());
  CHECK_FALSE(memory.view({0}, low + 1).has_value());
  CHECK_FALSE(memory.view({low - 1}, 2).has_value());
  CHECK_FALSE(memory.view({low}, 1).has_value());
  CHECK_FALSE(memory.view({kHoleEnd.value - 1}, 2).has_value());
  CHECK_FALSE(memory.view({high_end - 1}, 2).has_value());
  CHECK_FALSE(memory.view({high_end}, 1).has_value());
}

TEST_CASE("lengths and addresses near the top of 64 bits never wrap into memory") {
  const GuestMemory memory(Bytes{kHoleStart.value + kPageSize});
  CHECK_FALSE(memory.view({0}, kLargest).has_value());
  CHECK_FALSE(memory.view({1}, kLargest).has_value());
  CHECK_FALSE(memory.view({kLargest}, 1).has_value());
  CHECK_FALSE(memory.view({kLargest}, kLargest).has_value());
  CHECK_FALSE(memory.view({kLargest - 3}, 8).has_value());
  CHECK_FALSE(memory.view(kHoleEnd, kLargest - 1).has_value());
}

TEST_CASE("what is written is read back, and lies where the image has it") {
  const GuestMemory memory(kMinimumSize);
  CHECK(memory.write_value({kPageSize - 2}, std::uint32_t{0x01020304}));
  CHECK(memory.read_value<std::uint32_t>({kPageSize - 2}) == 0x01020304U);
  CHECK(memory.host()[kPageSize - 2] == std::byte{4});
}

TEST_CASE("an access that does not fit copies nothing") {
  const GuestMemory memory(kMinimumSize);
  const GuestAddress last{kMinimumSize.value - 2};
  CHECK_FALSE(memory.write_value(last, std::uint32_t{0xffffffff}));
  CHECK(memory.read_value<std::uint16_t>(last) == std::uint16_t{0});
  std::uint32_t untouched = 7;
  CHECK_FALSE(memory.read(last, std::as_writable_bytes(std::span(&untouched, 1))));
  CHECK(untouched == 7);
  CHECK_FALSE(memory.read_value<std::uint32_t>(last).has_value());
}

}  // namespace
}  // namespace faasnap::memory
