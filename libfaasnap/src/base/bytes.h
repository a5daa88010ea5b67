// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace faasnap::base {

// Called with bytes that were read, piece by piece and in order.
using TakeBytes = std::function<void(std::span<const std::byte>)>;

// Builds little-endian bytes for a file or a saved state.
class ByteWriter {
 public:
  template <typename Integer>
  requires std::is_unsigned_v<Integer>
  void put(Integer value) {
    for (std::size_t i = 0; i < sizeof(Integer); ++i) {
      bytes_.push_back(static_cast<std::byte>(value >> (8 * i)));
    }
  }
  // Writes seven bits in each byte, the low ones first; the top bit is set in all bytes but the
  // last (LEB128).
  void put_varint(std::uint64_t value);
  void put_bytes(std::span<const std::byte> data) {
    bytes_.insert(bytes_.end(), data.begin(), data.end());
  }
  // Writes a 32-bit length, then the bytes.
  void put_blob(std::span<const std::byte> data);
  void put_string(std::string_view text) { put_blob(std::as_bytes(std::span(text))); }
  // Writes a structure whose layout the kernel's ABI fixes (such as struct kvm_regs) as it is.
  template <typename Abi>
  requires std::is_trivially_copyable_v<Abi>
  void put_abi(const Abi& value) { put_bytes(std::as_bytes(std::span(&value, 1))); }

  const std::vector<std::byte>& bytes() const noexcept { return bytes_; }
  std::vector<std::byte> take() noexcept { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

// Reads little-endian bytes back. A read past the end, or finish() before the end, throws
// ErrorKind::corrupt with the names of the reader's file and section. Does not own the bytes.
class ByteReader {
 public:
  ByteReader(std::span<const std::byte> data, std::filesystem::path file, std::string section);

  template <typename Integer>
  requires std::is_unsigned_v<Integer> Integer get() {
    const auto raw = take(sizeof(Integer));
    Integer value = 0;
    for (std::size_t i = 0; i < sizeof(Integer); ++i) {
      value = static_cast<Integer>(value | (static_cast<Integer>(raw[i]) << (8 * i)));
    }
    return value;
  }
  // Rejects a number that has superfluous bytes or more than 64 bits.
  std::uint64_t get_varint();
  std::span<const std::byte> take(std::size_t length);
  // Reads a 32-bit length of at most `limit`, then the bytes.
  std::span<const std::byte> get_blob(std::size_t limit);
  std::string get_string(std::size_t limit);
  template <typename Abi>
  requires std::is_trivially_copyable_v<Abi> Abi get_abi() {
    Abi value;
    std::memcpy(&value, take(sizeof(Abi)).data(), sizeof(Abi));
    return value;
  }
  // Reads a 32-bit count of at most `limit`, for a loop over `of_what`.
  std::uint32_t get_count(std::uint32_t limit, std::string_view of_what);

  std::size_t remaining() const noexcept { return data_.size(); }
  // Checks that no bytes are left.
  void finish() const;
  // Throws ErrorKind::corrupt with `reason` and the names of file and section.
  [[noreturn]] void reject(const std::string& reason) const;

 private:
  std::span<const std::byte> data_;
  std::filesystem::path file_;
  std::string section_;
};

}  // namespace faasnap::base
