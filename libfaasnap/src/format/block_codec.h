// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include <faasnap/compression.h>

namespace faasnap::format {

// The blocks of a compressed page set file: each is compressed by itself, in LZ4's block format
// (lz4_Block_format.md of LZ4), so that each can be read apart. Pure, and safe from any thread.

// Returns `content`, whole pages, compressed; nothing if that would not take fewer pages.
std::optional<std::vector<std::byte>> compress_block(std::span<const std::byte> content);

// Fills `content` with what `stored` decompresses into. Returns false if `stored` is malformed or
// decompresses into more or fewer bytes; `content` is undefined then, and nothing beside it is
// written. Both are shorter than 2 GiB.
[[nodiscard]] bool decompress_block(std::span<const std::byte> stored,
                                    std::span<std::byte> content) noexcept;

}  // namespace faasnap::format
