// SPDX-License-Identifier: Apache-2.0

#include "virtio/descriptor_chain.h"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <string>

#include "virtio/fake_driver.h"

namespace faasnap::virtio::test {
namespace {

// "abc", "", "defgh" as three buffers.
struct Pieces {
  std::string first = "abc";
  std::string last = "defgh";
  std::array<iovec, 3> buffers{{{first.data(), 3}, {first.data(), 0}, {last.data(), 5}}};
};

std::string copied(const Pieces& pieces, std::size_t offset, std::size_t length) {
  std::vector<std::byte> out(length);
  return copy_from(pieces.buffers, offset, out) ? text_of(out) : "refused";
}

}  // namespace

TEST_CASE("Bytes are copied from buffers across their borders") {
  const Pieces pieces;
  CHECK(total_size(pieces.buffers) == 8);
  CHECK(copied(pieces, 0, 8) == "abcdefgh");
  CHECK(copied(pieces, 2, 3) == "cde");
  CHECK(copied(pieces, 3, 5) == "defgh");
  CHECK(copied(pieces, 8, 0).empty());
}

TEST_CASE("A copy beyond the end of the buffers is refused") {
  const Pieces pieces;
  CHECK(copied(pieces, 0, 9) == "refused");
  CHECK(copied(pieces, 8, 1) == "refused");
  CHECK(copied(pieces, 9, 0) == "refused");
  CHECK(copied(pieces, ~std::size_t{0}, 2) == "refused");
}

TEST_CASE("Bytes are copied to buffers across their borders") {
  Pieces pieces;
  CHECK(copy_to(pieces.buffers, 2, bytes_of("XYZ")));
  CHECK(pieces.first == "abX");
  CHECK(pieces.last == "YZfgh");
  CHECK_FALSE(copy_to(pieces.buffers, 7, bytes_of("XY")));
  CHECK(pieces.last == "YZfgh");
}

TEST_CASE("A slice has at most the length asked for, and no more than there is") {
  const Pieces pieces;
  std::vector<iovec> out{{nullptr, 99}};
  slice(pieces.buffers, 1, 4, out);
  REQUIRE(out.size() == 2);
  CHECK(out[0].iov_len == 2);
  CHECK(out[1].iov_base == pieces.last.data());
  CHECK(out[1].iov_len == 2);
  slice(pieces.buffers, 4, 1000, out);
  REQUIRE(out.size() == 1);
  CHECK(out[0].iov_len == 4);
  slice(pieces.buffers, 100, 1, out);
  CHECK(out.empty());
}

}  // namespace faasnap::virtio::test
