// SPDX-License-Identifier: Apache-2.0

#include "worker/message.h"

#include <fcntl.h>
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "support/support.h"

namespace faasnap::worker {
namespace {

using test::error_of;

std::vector<std::byte> packet(const Message& head, bool more, std::size_t size = 0) {
  const auto header = encode_header(head, more);
  std::vector<std::byte> bytes(header.begin(), header.end());
  bytes.resize(bytes.size() + size, std::byte{7});
  return bytes;
}

std::vector<base::UniqueFd> descriptors(std::size_t count) {
  std::vector<base::UniqueFd> files;
  for (std::size_t i = 0; i < count; ++i) {
    files.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
  return files;
}

const Message kHead{.kind = 5, .call = 77};

TEST_CASE("packets make up a message") {
  PacketReader reader;
  CHECK_FALSE(reader.add(packet(kHead, true, 10), descriptors(2)));
  const auto message = reader.add(packet(kHead, false, 5), {});
  REQUIRE(message);
  CHECK(message->kind == 5);
  CHECK(message->call == 77);
  CHECK(message->body.size() == 15);
  CHECK(message->files.size() == 2);
  CHECK(reader.add(packet(kHead, false), {})->body.empty());
}

TEST_CASE("a packet that violates the format is refused") {
  PacketReader reader;
  std::vector<std::byte> bytes = packet(kHead, false);
  std::vector<base::UniqueFd> files;
  SECTION("too short for its header") { bytes.resize(kPacketHeader - 1); }
  SECTION("nothing") { bytes.clear(); }
  SECTION("too long") { bytes.resize(kPacketHeader + kPacketBody + 1); }
  SECTION("unknown flags") { bytes[4] = std::byte{2}; }
  SECTION("more descriptors than a message may have") { files = descriptors(kMaximumFiles + 1); }
  SECTION("another message in the middle of one") {
    reader.add(packet(kHead, true), {});
    bytes = packet({.kind = 5, .call = 78}, false);
  }
  SECTION("descriptors in the middle of a message") {
    reader.add(packet(kHead, true), {});
    files = descriptors(1);
  }
  CHECK(error_of([&] { reader.add(bytes, std::move(files)); }).kind() == ErrorKind::corrupt);
}

TEST_CASE("a message without end is refused when it is too long") {
  PacketReader reader;
  const auto piece = packet(kHead, true, kPacketBody);
  for (std::size_t size = 0; size + kPacketBody <= kMaximumBody; size += kPacketBody) {
    reader.add(piece, {});
  }
  CHECK(error_of([&] { reader.add(piece, {}); }).kind() == ErrorKind::corrupt);
}

}  // namespace
}  // namespace faasnap::worker
