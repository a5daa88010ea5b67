// SPDX-License-Identifier: Apache-2.0

#include "base/bytes.h"

#include <catch2/catch_test_macros.hpp>
#include <limits>

#include "support/support.h"

namespace faasnap::base {
namespace {

using test::error_of;

TEST_CASE("numbers are written little-endian") {
  ByteWriter writer;
  writer.put(std::uint32_t{0x01020304});
  writer.put(std::uint16_t{0xfffe});
  const std::vector<std::byte> expected = {std::byte{4}, std::byte{3},    std::byte{2},
                                           std::byte{1}, std::byte{0xfe}, std::byte{0xff}};
  CHECK(writer.bytes() == expected);
}

TEST_CASE("what a writer wrote, a reader reads") {
  struct Abi {
    std::uint64_t a;
    std::uint8_t b;
  };
  ByteWriter writer;
  writer.put(std::numeric_limits<std::uint64_t>::max());
  writer.put(std::uint8_t{7});
  writer.put_string("name");
  writer.put_abi(Abi{42, 1});
  const auto bytes = writer.take();
  ByteReader reader(bytes, "file", "section");
  CHECK(reader.get<std::uint64_t>() == std::numeric_limits<std::uint64_t>::max());
  CHECK(reader.get<std::uint8_t>() == 7);
  CHECK(reader.get_string(4) == "name");
  CHECK(reader.get_abi<Abi>().a == 42);
  CHECK(reader.remaining() == 0);
  CHECK_NOTHROW(reader.finish());
}

TEST_CASE("a read past the end is corrupt, and names file and section") {
  const std::vector<std::byte> bytes(3);
  ByteReader reader(bytes, "dir/state", "vcpu0");
  const Error error = error_of([&] { reader.get<std::uint32_t>(); });
  CHECK(error.kind() == ErrorKind::corrupt);
  CHECK(error.path() == "dir/state");
  CHECK(std::string(error.what()).find("section 'vcpu0': the data end 1 bytes early") !=
        std::string::npos);
  CHECK(reader.remaining() == 3);
}

TEST_CASE("bytes left over are corrupt") {
  const std::vector<std::byte> bytes(1);
  const ByteReader reader(bytes, "f", "");
  CHECK(error_of([&] { reader.finish(); }).kind() == ErrorKind::corrupt);
}

TEST_CASE("lengths and counts are held against their limit and against what is there") {
  ByteWriter writer;
  writer.put(std::uint32_t{5});
  writer.put_bytes(test::bytes_of("12345"));
  const auto reader = [&] { return ByteReader(writer.bytes(), "f", ""); };
  CHECK(reader().get_blob(5).size() == 5);
  CHECK(error_of([&] { reader().get_blob(4); }).kind() == ErrorKind::corrupt);
  CHECK(reader().get_count(5, "things") == 5);
  CHECK(error_of([&] { reader().get_count(4, "things"); }).kind() == ErrorKind::corrupt);
  ByteWriter huge;
  huge.put(std::uint32_t{0xffffffff});
  CHECK(error_of([&] {
          ByteReader(huge.bytes(), "f", "").get_blob(std::numeric_limits<std::size_t>::max());
        }).kind() == ErrorKind::corrupt);
}

TEST_CASE("a number of varying length takes seven bits a byte, and comes back") {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  const std::pair<std::uint64_t, std::size_t> cases[] = {
      {0, 1}, {1, 1}, {127, 1}, {128, 2}, {16383, 2}, {16384, 3}, {kMost >> 1, 9}, {kMost, 10}};
  for (const auto& [number, length] : cases) {
    ByteWriter writer;
    writer.put_varint(number);
    CHECK(writer.bytes().size() == length);
    ByteReader reader(writer.bytes(), "f", "");
    CHECK(reader.get_varint() == number);
    CHECK_NOTHROW(reader.finish());
  }
}

TEST_CASE("a number of varying length that is cut short, padded or too large is corrupt") {
  const auto rejected = [](std::initializer_list<int> values) {
    std::vector<std::byte> bytes;
    for (const int value : values) {
      bytes.push_back(static_cast<std::byte>(value));
    }
    ByteReader reader(bytes, "f", "");
    return error_of([&] { reader.get_varint(); }).kind();
  };
  CHECK(rejected({}) == ErrorKind::corrupt);
  CHECK(rejected({0x80}) == ErrorKind::corrupt);
  CHECK(rejected({0x80, 0x00}) == ErrorKind::corrupt);
  CHECK(rejected({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02}) ==
        ErrorKind::corrupt);
  CHECK(rejected({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x81, 0x00}) ==
        ErrorKind::corrupt);
}

}  // namespace
}  // namespace faasnap::base
