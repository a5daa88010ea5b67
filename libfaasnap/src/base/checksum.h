// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace faasnap::base {

// Returns the CRC-32C (Castagnoli polynomial, RFC 3720 section 12.1) of `data`, continued from
// `seed`, the result for the bytes before. Uses the processor's instruction if there is one.
std::uint32_t crc32c(std::span<const std::byte> data, std::uint32_t seed = 0) noexcept;

// Does the same without the instruction, as crc32c does on processors that lack it.
std::uint32_t crc32c_by_table(std::span<const std::byte> data, std::uint32_t seed = 0) noexcept;

}  // namespace faasnap::base
