#include "base/checksum.h"

#include <nmmintrin.h>

#include <array>
#include <cstring>

namespace faasnap::base {
namespace {

constexpr std::uint32_t kReversedPolynomial = 0x82f63b78;

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) {
      value = (value >> 1) ^ ((value & 1) != 0 ? kReversedPolynomial : 0);
    }
    table[i] = value;
  }
  return table;
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
  static constexpr auto kTable = make_table();
  std::uint32_t state = ~seed;
  for (const std::byte byte : data) {
    state = (state >> 8) ^ kTable[(state ^ static_cast<std::uint32_t>(byte)) & 0xff];
  }
  return ~state;
}

std::uint32_t crc32c(std::span<const std::byte> data, std::uint32_t seed) noexcept {
  return __builtin_cpu_supports("sse4.2") != 0 ? ~by_instruction(data, ~seed)
                                               : crc32c_by_table(data, seed);
}

}  // namespace faasnap::base
