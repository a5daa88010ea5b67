// SPDX-License-Identifier: Apache-2.0

#include "base/checksum.h"

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <vector>

#include "support/support.h"

namespace faasnap::base {
namespace {

// Bit by bit, straight from the polynomial.
std::uint32_t slow_crc32c(std::span<const std::byte> data) {
  std::uint32_t state = 0xffffffff;
  for (const std::byte byte : data) {
    state ^= static_cast<std::uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) {
      state = (state >> 1) ^ (0x82f63b78 & (0 - (state & 1)));
    }
  }
  return ~state;
}

std::vector<std::byte> pattern(std::size_t length) {
  std::vector<std::byte> data(length);
  std::uint32_t value = 1;
  for (std::byte& byte : data) {
    value = value * 1664525 + 1013904223;
    byte = static_cast<std::byte>(value >> 24);
  }
  return data;
}

TEST_CASE("CRC-32C gives the values of RFC 3720, appendix B.4") {
  std::array<std::byte, 32> data{};
  CHECK(crc32c(data) == 0x8a9136aa);
  data.fill(std::byte{0xff});
  CHECK(crc32c(data) == 0x62a8ab43);
  for (std::size_t i = 0; i < data.size(); ++i) {
    data[i] = static_cast<std::byte>(i);
  }
  CHECK(crc32c(data) == 0x46dd794e);
  for (std::size_t i = 0; i < data.size(); ++i) {
    data[i] = static_cast<std::byte>(31 - i);
  }
  CHECK(crc32c(data) == 0x113fdb5c);
  CHECK(crc32c(test::bytes_of("123456789")) == 0xe3069283);
  CHECK(crc32c({}) == 0);
}

TEST_CASE("every length and alignment gives what the polynomial says") {
  const auto data = pattern(200);
  for (std::size_t begin = 0; begin < 9; ++begin) {
    for (std::size_t length = 0; begin + length <= data.size(); length += 7) {
      const auto part = std::span(data).subspan(begin, length);
      REQUIRE(crc32c(part) == slow_crc32c(part));
    }
  }
}

TEST_CASE("a checksum continues over pieces as over the whole") {
  const auto data = pattern(10'000);
  const std::span all(data);
  for (const std::size_t cut : {std::size_t{0}, std::size_t{1}, std::size_t{4097}, data.size()}) {
    CHECK(crc32c(all.subspan(cut), crc32c(all.first(cut))) == crc32c(all));
  }
}

TEST_CASE("the table gives the same as the processor's instruction") {
  const auto data = pattern(5000);
  for (std::size_t length = 4900; length <= data.size(); ++length) {
    const auto part = std::span(data).first(length);
    REQUIRE(crc32c_by_table(part) == slow_crc32c(part));
    REQUIRE(crc32c_by_table(part, 0x12345678) == crc32c(part, 0x12345678));
  }
}

}  // namespace
}  // namespace faasnap::base
