// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <span>

namespace faasnap::fuzz {

// Consumes the input; zeros once it has ended.
class Input {
 public:
  explicit Input(std::span<const std::uint8_t> data) : data_(data) {}
  bool empty() const { return data_.empty(); }
  // True once in `chances`.
  bool rarely(unsigned chances) { return byte() % chances == 0; }
  std::uint8_t byte() {
    const std::uint8_t value = data_.empty() ? 0 : data_.front();
    data_ = data_.subspan(data_.empty() ? 0 : 1);
    return value;
  }
  std::uint32_t word() {
    std::uint32_t value = 0;
    for (unsigned i = 0; i < 4; ++i) {
      value = value << 8 | byte();
    }
    return value;
  }

 private:
  std::span<const std::uint8_t> data_;
};

}  // namespace faasnap::fuzz
