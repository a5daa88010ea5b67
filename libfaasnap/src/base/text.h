// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace faasnap::base {

// Returns the beginning of text from a peer, fit for a message: '?' replaces all but printable
// ASCII.
std::string printable(std::string_view text, std::size_t most = 64);

// Returns the decimal number that `text` is, or nothing if it is anything else or out of range.
template <typename Integer>
std::optional<Integer> parse_number(std::string_view text) {
  Integer value = 0;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  return error == std::errc() && end == last ? std::optional(value) : std::nullopt;
}

}  // namespace faasnap::base
