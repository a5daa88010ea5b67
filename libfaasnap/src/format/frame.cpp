// SPDX-License-Identifier: Apache-2.0

#include "format/frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/error.h"

namespace faasnap::format {
namespace {

constexpr std::size_t kVersionOffset = 8;
constexpr std::size_t kChecksumOffset = 12;
// The checksummed part begins at the length.
constexpr std::size_t kLengthOffset = 16;

[[noreturn]] void reject(const std::filesystem::path& file, const std::string& reason) {
  base::fail(ErrorKind::corrupt, "read", file, reason);
}

}  // namespace

std::vector<std::byte> encode_frame(const FrameKind& kind, std::span<const std::byte> payload) {
  base::ByteWriter covered;
  covered.put(static_cast<std::uint64_t>(kFrameHeaderSize + payload.size()));
  covered.put_bytes(payload);
  base::ByteWriter frame;
  frame.put_bytes(std::as_bytes(std::span(kind.magic)));
  frame.put(kind.version);
  frame.put(base::crc32c(covered.bytes()));
  frame.put_bytes(covered.bytes());
  return frame.take();
}

Bytes frame_length(const FrameKind& kind, std::span<const std::byte> header,
                   const std::filesystem::path& file) {
  if (header.size() < kFrameHeaderSize) {
    reject(file,
           fmt::format("file has {} bytes, expected at least {}", header.size(), kFrameHeaderSize));
  }
  base::ByteReader reader(header.first(kFrameHeaderSize), file, "");
  const auto magic = reader.take(kind.magic.size());
  if (!std::ranges::equal(magic, std::as_bytes(std::span(kind.magic)))) {
    reject(file, fmt::format("does not begin with '{}'",
                             std::string_view(kind.magic.data(), kind.magic.size())));
  }
  const auto version = reader.get<std::uint32_t>();
  const bool is_previous = kind.reads_previous && version == kind.version - 1;
  if (version != kind.version && !is_previous) {
    const std::string previous = kind.reads_previous ? fmt::format("{} or ", kind.version - 1) : "";
    base::fail(ErrorKind::version, "read", file,
               fmt::format("file has version {}, expected {}{}", version, previous, kind.version));
  }
  reader.get<std::uint32_t>();
  const auto length = reader.get<std::uint64_t>();
  if (length < kFrameHeaderSize || length > kind.limit.value) {
    reject(file, fmt::format("length field is {}, expected {} to {}", length, kFrameHeaderSize,
                             kind.limit.value));
  }
  return {length};
}

std::span<const std::byte> decode_frame(const FrameKind& kind, std::span<const std::byte> bytes,
                                        const std::filesystem::path& file) {
  const Bytes length = frame_length(kind, bytes, file);
  if (length.value != bytes.size()) {
    reject(file, fmt::format("has {} bytes, expected {}", bytes.size(), length.value));
  }
  const std::uint32_t expected = frame_checksum(bytes);
  const std::uint32_t found = base::crc32c(bytes.subspan(kLengthOffset));
  if (found != expected) {
    reject(file, fmt::format("checksum is {:08x}, expected {:08x}", found, expected));
  }
  return bytes.subspan(kFrameHeaderSize);
}

std::uint32_t frame_version(std::span<const std::byte> frame) {
  return base::ByteReader(frame.subspan(kVersionOffset, sizeof(std::uint32_t)), {}, "")
      .get<std::uint32_t>();
}

std::uint32_t frame_checksum(std::span<const std::byte> frame) {
  return base::ByteReader(frame.subspan(kChecksumOffset, sizeof(std::uint32_t)), {}, "")
      .get<std::uint32_t>();
}

}  // namespace faasnap::format
