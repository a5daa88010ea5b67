// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <charconv>
#include <optional>
#include <string_view>

namespace platform {

// Returns the decimal number that `text` is, or nothing if it is anything else or out of range.
template <typename Integer>
std::optional<Integer> parse_number(std::string_view text) {
  Integer number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && rest == end ? std::optional(number) : std::nullopt;
}

}  // namespace platform
