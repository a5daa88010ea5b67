// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include <faasnap/error.h>

#include "base/checksum.h"
#include "format/frame.h"

namespace faasnap::fuzz {

inline std::span<const std::byte> bytes_of(const std::uint8_t* data, std::size_t size) {
  return std::as_bytes(std::span(data, size));
}

// Stops the fuzzer with a crash: an invariant of the code under test does not hold.
inline void require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

// Returns `input` with a correct length and checksum in its frame, so that the fuzzer reaches what
// they protect. The first byte of the input decides whether to do so, so that wrong ones are tried
// as well.
inline std::vector<std::byte> mended(std::span<const std::byte> input) {
  if (input.empty()) {
    return {};
  }
  const bool mend = input.front() != std::byte{0};
  std::vector<std::byte> frame(input.begin() + 1, input.end());
  if (mend && frame.size() >= format::kFrameHeaderSize) {
    const std::uint64_t length = frame.size();
    std::memcpy(frame.data() + 16, &length, sizeof(length));
    const std::uint32_t checksum = base::crc32c(std::span(frame).subspan(16));
    std::memcpy(frame.data() + 12, &checksum, sizeof(checksum));
  }
  return frame;
}

}  // namespace faasnap::fuzz
