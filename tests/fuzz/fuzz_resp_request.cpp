// SPDX-License-Identifier: Apache-2.0

// What a guest sends to the object store: requests of the Redis protocol, in pieces.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <faasnap/error.h>

#include "store/resp_parser.h"
#include "support.h"

using faasnap::fuzz::require;

// The first byte says how long the pieces are.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  auto bytes = std::as_bytes(std::span(data + 1, size - 1));
  const std::size_t piece = std::size_t{1} + data[0] % 64;
  constexpr std::uint64_t kMost = faasnap::store::RespParser::kMaximumHeld.value;
  faasnap::store::RespParser parser;
  try {
    while (!bytes.empty()) {
      const auto head = bytes.first(std::min(piece, bytes.size()));
      bytes = bytes.subspan(head.size());
      parser.feed(head);
      while (const auto request = parser.next()) {
        std::size_t total = 0;
        for (const auto& argument : request->arguments) {
          total += argument.size();
        }
        // No arguments that were never sent, and no more of them than are held.
        require(!request->arguments.empty() && total <= size && total <= kMost);
        std::array<std::byte, 16> value;
        const std::size_t taken = parser.take_value(value);
        require(taken <= request->value.value_or(faasnap::Bytes{0}).value);
      }
    }
  } catch (const faasnap::Error&) {
    // Refused, as most inputs are.
  }
  return 0;
}
