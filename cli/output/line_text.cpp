// SPDX-License-Identifier: Apache-2.0

#include "output/line_text.h"

#include <fmt/format.h>

namespace faasnap::cli {

std::string line_text(std::string_view text) {
  std::string line;
  for (const char byte : text) {
    const auto value = static_cast<unsigned char>(byte);
    line += value < ' ' || value == 0x7f ? fmt::format("\\x{:02x}", value) : std::string(1, byte);
  }
  return line;
}

}  // namespace faasnap::cli
