// SPDX-License-Identifier: Apache-2.0

#include "format/block_codec.h"

#include <lz4.h>

#include <array>

#include <faasnap/units.h>

namespace faasnap {
namespace {

constexpr std::array kCompressions = {Compression::none, Compression::lz4};

}  // namespace

const char* to_string(Compression compression) noexcept {
  switch (compression) {
    case Compression::none:
      return "none";
    case Compression::lz4:
      return "lz4";
  }
  return "unknown";
}

std::optional<Compression> parse_compression(std::string_view name) noexcept {
  for (const Compression compression : kCompressions) {
    if (name == to_string(compression)) {
      return compression;
    }
  }
  return std::nullopt;
}

namespace format {

std::optional<std::vector<std::byte>> compress_block(std::span<const std::byte> content) {
  if (content.size() <= kPageSize) {
    return std::nullopt;
  }
  std::vector<std::byte> stored(content.size() - kPageSize);
  const int length = LZ4_compress_default(
      reinterpret_cast<const char*>(content.data()), reinterpret_cast<char*>(stored.data()),
      static_cast<int>(content.size()), static_cast<int>(stored.size()));
  if (length <= 0) {
    return std::nullopt;  // does not fit
  }
  stored.resize(static_cast<std::size_t>(length));
  return stored;
}

bool decompress_block(std::span<const std::byte> stored, std::span<std::byte> content) noexcept {
  const int length = LZ4_decompress_safe(
      reinterpret_cast<const char*>(stored.data()), reinterpret_cast<char*>(content.data()),
      static_cast<int>(stored.size()), static_cast<int>(content.size()));
  return length >= 0 && static_cast<std::size_t>(length) == content.size();
}

}  // namespace format
}  // namespace faasnap
