// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace faasnap::base {

// Fills `out`, at most 256 bytes, with random bytes fit for secrets (getrandom(2)).
void fill_random(std::span<std::byte> out);

template <typename Value>
Value random_value() {
  Value value{};
  fill_random(std::as_writable_bytes(std::span(&value, 1)));
  return value;
}

// Returns 128 random bits as 32 lower-case hexadecimal digits.
std::string random_id();

}  // namespace faasnap::base
