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
  // No longer frame is read.
  Bytes limit;
};

inline constexpr std::size_t kFrameHeaderSize = 24;

std::vector<std::byte> encode_frame(const FrameKind& kind, std::span<const std::byte> payload);

// The payload of the frame that `bytes` is, checked whole. A version other than the kind's is
// ErrorKind::version, everything else ErrorKind::corrupt; both name `file`. The payload lies within
// `bytes`.
std::span<const std::byte> decode_frame(const FrameKind& kind, std::span<const std::byte> bytes,
                                        const std::filesystem::path& file);

// The length that a frame declares, checked against the kind's limit; `header` holds at least the
// first kFrameHeaderSize bytes. Checks magic and version too.
Bytes frame_length(const FrameKind& kind, std::span<const std::byte> header,
                   const std::filesystem::path& file);

// The checksum of a frame that has passed decode_frame.
std::uint32_t frame_checksum(std::span<const std::byte> frame);

}  // namespace faasnap::format
