// SPDX-License-Identifier: Apache-2.0

#include "store/glob.h"

#include <algorithm>

namespace faasnap::store {
namespace {

// Removes the first character, with a `\` before it, from the pattern and returns it.
unsigned char take(std::string_view& pattern) {
  if (pattern[0] == '\\' && pattern.size() > 1) {
    pattern.remove_prefix(1);
  }
  const auto letter = static_cast<unsigned char>(pattern[0]);
  pattern.remove_prefix(1);
  return letter;
}

// Removes a class, without its '[', from the pattern. Returns true if `letter` is in it.
bool take_class(std::string_view& pattern, unsigned char letter) {
  const bool inverted = pattern.starts_with('^');
  if (inverted) {
    pattern.remove_prefix(1);
  }
  bool found = false;
  while (!pattern.empty() && pattern[0] != ']') {
    unsigned char low = take(pattern);
    unsigned char high = low;
    if (pattern.size() > 1 && pattern[0] == '-' && pattern[1] != ']') {
      pattern.remove_prefix(1);
      high = take(pattern);
    }
    found = found || (letter >= std::min(low, high) && letter <= std::max(low, high));
  }
  if (!pattern.empty()) {
    pattern.remove_prefix(1);
  }
  return found != inverted;
}

// Removes what stands for one character, anything but `*`, from the pattern. Returns true if
// `letter` matches it.
bool take_one(std::string_view& pattern, unsigned char letter) {
  switch (pattern[0]) {
    case '?':
      pattern.remove_prefix(1);
      return true;
    case '[':
      pattern.remove_prefix(1);
      return take_class(pattern, letter);
    default:
      return take(pattern) == letter;
  }
}

}  // namespace

bool matches_glob(std::string_view pattern, std::string_view text) {
  // Where to continue if the rest after the last `*` does not match: one character later.
  std::string_view retry_pattern;
  std::string_view retry_text;
  bool starred = false;
  while (!text.empty() || !pattern.empty()) {
    if (pattern.starts_with('*')) {
      pattern.remove_prefix(1);
      starred = true;
      retry_pattern = pattern;
      retry_text = text;
      continue;
    }
    if (!text.empty() && !pattern.empty() &&
        take_one(pattern, static_cast<unsigned char>(text[0]))) {
      text.remove_prefix(1);
      continue;
    }
    if (!starred || retry_text.empty()) {
      return false;
    }
    retry_text.remove_prefix(1);
    text = retry_text;
    pattern = retry_pattern;
  }
  return true;
}

}  // namespace faasnap::store
