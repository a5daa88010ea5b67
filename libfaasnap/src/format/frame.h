// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include <faasnap/units.h>

namespace faasnap::format {

// The frame that every binary file of a snapshot begins with (docs/reference/snapshot-format.md):
//   magic 8 bytes | version u32 | checksum u32 | length u64 | payload
// `length` counts the whole frame; the checksum (CRC-32C) covers it and the payload.
struct FrameKind {
  std::array<char, 8> magic;
  std::uint32_t version = 1;
  // Maximum length of a frame.
  Bytes limit;
  // The version before is read, too.
  bool reads_previous = false;
};

inline constexpr std::size_t kFrameHeaderSize = 24;

std::vector<std::byte> encode_frame(const FrameKind& kind, std::span<const std::byte> payload);

// Checks that `bytes` is a whole frame and returns its payload, which lies within `bytes`. Throws
// ErrorKind::version for a version that the kind does not have and ErrorKind::corrupt for all else;
// both name `file`.
std::span<const std::byte> decode_frame(const FrameKind& kind, std::span<const std::byte> bytes,
                                        const std::filesystem::path& file);

// Returns the length that a frame declares. Checks magic, version, and the length against the
// kind's limit. `header` holds at least the first kFrameHeaderSize bytes.
Bytes frame_length(const FrameKind& kind, std::span<const std::byte> header,
                   const std::filesystem::path& file);

// Return the version and the checksum of a frame that has passed decode_frame.
std::uint32_t frame_version(std::span<const std::byte> frame);
std::uint32_t frame_checksum(std::span<const std::byte> frame);

}  // namespace faasnap::format
