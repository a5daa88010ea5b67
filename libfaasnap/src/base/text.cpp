// SPDX-License-Identifier: Apache-2.0

#include "base/text.h"

#include <algorithm>

namespace faasnap::base {

std::string printable(std::string_view text, std::size_t most) {
  std::string result(text.substr(0, most));
  std::replace_if(
      result.begin(), result.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return result;
}

}  // namespace faasnap::base
