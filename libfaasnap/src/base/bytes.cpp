// SPDX-License-Identifier: Apache-2.0

#include "base/bytes.h"

#include <fmt/format.h>

#include "base/error.h"

namespace faasnap::base {

void ByteWriter::put_varint(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) {
    put(static_cast<std::uint8_t>(value | 0x80));
  }
  put(static_cast<std::uint8_t>(value));
}

void ByteWriter::put_blob(std::span<const std::byte> data) {
  put(static_cast<std::uint32_t>(data.size()));
  put_bytes(data);
}

ByteReader::ByteReader(std::span<const std::byte> data, std::filesystem::path file,
                       std::string section)
    : data_(data), file_(std::move(file)), section_(std::move(section)) {}

std::uint64_t ByteReader::get_varint() {
  std::uint64_t value = 0;
  for (unsigned shift = 0;; shift += 7) {
    const auto byte = get<std::uint8_t>();
    const std::uint64_t bits = byte & 0x7f;
    if (shift > 63 || (shift == 63 && bits > 1)) {
      reject("a number has more than 64 bits");
    }
    value |= bits << shift;
    if ((byte & 0x80) == 0) {
      if (byte == 0 && shift != 0) {
        reject("a number has superfluous bytes");
      }
      return value;
    }
  }
}

std::span<const std::byte> ByteReader::take(std::size_t length) {
  if (length > data_.size()) {
    reject(fmt::format("the data end {} bytes early", length - data_.size()));
  }
  const auto taken = data_.first(length);
  data_ = data_.subspan(length);
  return taken;
}

std::span<const std::byte> ByteReader::get_blob(std::size_t limit) {
  const auto length = get<std::uint32_t>();
  if (length > limit) {
    reject(fmt::format("length is {}, expected at most {} bytes", length, limit));
  }
  return take(length);
}

std::string ByteReader::get_string(std::size_t limit) {
  const auto raw = get_blob(limit);
  return {reinterpret_cast<const char*>(raw.data()), raw.size()};
}

std::uint32_t ByteReader::get_count(std::uint32_t limit, std::string_view of_what) {
  const auto count = get<std::uint32_t>();
  if (count > limit) {
    reject(fmt::format("{} {} declared, expected at most {}", count, of_what, limit));
  }
  return count;
}

void ByteReader::finish() const {
  if (!data_.empty()) {
    reject(fmt::format("{} unexpected bytes at the end", data_.size()));
  }
}

void ByteReader::reject(const std::string& reason) const {
  fail(ErrorKind::corrupt, "read", file_,
       section_.empty() ? reason : fmt::format("section '{}': {}", section_, reason));
}

}  // namespace faasnap::base
