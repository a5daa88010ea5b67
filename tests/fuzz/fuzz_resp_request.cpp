// SPDX-License-Identifier: Apache-2.0

// What a guest sends to the object store: requests of the Redis protocol, in pieces.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include <faasnap/error.h>

#include "store/resp_parser.h"

// The first byte says how long the pieces are.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  auto bytes = std::as_bytes(std::span(data + 1, size - 1));
  const std::size_t piece = std::size_t{1} + data[0] % 64;
  faasnap::store::RespParser parser;
  try {
    while (!bytes.empty()) {
      const auto head = bytes.first(std::min(piece, bytes.size()));
      bytes = bytes.subspan(head.size());
      parser.feed(head);
      while (const auto request = parser.next()) {
        std::size_t total = 0;
        for (const auto& argument : *request) {
          total += argument.size();
        }
        if (request->empty() || total > size) {
          __builtin_trap();  // arguments that were never sent
        }
      }
    }
  } catch (const faasnap::Error&) {
    // Refused, as most inputs are.
  }
  return 0;
}
