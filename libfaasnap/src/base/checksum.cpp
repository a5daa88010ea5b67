// SPDX-License-Identifier: Apache-2.0

#include "base/checksum.h"

#include <cpuid.h>
#include <nmmintrin.h>

#include <array>
#include <cstring>
#include <string_view>

namespace faasnap::base {
namespace {

constexpr std::uint32_t kReversedPolynomial = 0x82f63b78;

using Table = std::array<std::uint32_t, 256>;

// Table n advances the state by one byte with n more bytes after it ("slicing by 8": M. Kounavis,
// F. Berry, "Novel Table Lookup-Based Algorithms for High-Performance CRC Generation", 2008).
constexpr std::array<Table, 8> make_tables() {
  std::array<Table, 8> tables{};
  for (std::uint32_t i = 0; i < tables[0].size(); ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) {
      value = (value >> 1) ^ ((value & 1) != 0 ? kReversedPolynomial : 0);
    }
    tables[0][i] = value;
  }
  for (std::size_t n = 1; n < tables.size(); ++n) {
    for (std::size_t i = 0; i < tables[n].size(); ++i) {
      const std::uint32_t before = tables[n - 1][i];
      tables[n][i] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

// QEMU emulates the instruction bit by bit, which is six times as slow as the tables.
bool instruction_is_emulated() noexcept {
  std::uint32_t words[4] = {};
  __cpuid(0x40000000, words[0], words[1], words[2], words[3]);
  return std::string_view(reinterpret_cast<const char*>(&words[1]), 12) == "TCGTCGTCGTCG";
}

bool use_instruction() noexcept {
  static const bool kUse = __builtin_cpu_supports("sse4.2") != 0 && !instruction_is_emulated();
  return kUse;
}

__attribute__((target("sse4.2"))) std::uint32_t by_instruction(std::span<const std::byte> data,
                                                               std::uint32_t state) noexcept {
  std::uint64_t wide = state;
  while (data.size() >= sizeof(std::uint64_t)) {
    std::uint64_t word;
    std::memcpy(&word, data.data(), sizeof(word));
    wide = _mm_crc32_u64(wide, word);
    data = data.subspan(sizeof(word));
  }
  state = static_cast<std::uint32_t>(wide);
  for (const std::byte byte : data) {
    state = _mm_crc32_u8(state, static_cast<std::uint8_t>(byte));
  }
  return state;
}

}  // namespace

std::uint32_t crc32c_by_table(std::span<const std::byte> data, std::uint32_t seed) noexcept {
  static constexpr auto kTables = make_tables();
  std::uint32_t state = ~seed;
  while (data.size() >= sizeof(std::uint64_t)) {
    std::uint64_t word;
    std::memcpy(&word, data.data(), sizeof(word));
    word ^= state;
    state = 0;
#pragma GCC unroll 8
    for (std::size_t byte = 0; byte < sizeof(word); ++byte) {
      state ^= kTables[sizeof(word) - 1 - byte][(word >> (8 * byte)) & 0xff];
    }
    data = data.subspan(sizeof(word));
  }
  for (const std::byte byte : data) {
    state = (state >> 8) ^ kTables[0][(state ^ static_cast<std::uint32_t>(byte)) & 0xff];
  }
  return ~state;
}

std::uint32_t crc32c(std::span<const std::byte> data, std::uint32_t seed) noexcept {
  return use_instruction() ? ~by_instruction(data, ~seed) : crc32c_by_table(data, seed);
}

}  // namespace faasnap::base
