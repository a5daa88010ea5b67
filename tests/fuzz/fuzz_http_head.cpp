// SPDX-License-Identifier: Apache-2.0

// What a guest's agent answers: the status line and the headers of an HTTP reply.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <faasnap/error.h>

#include "guest/http_client.h"
#include "support.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view head(reinterpret_cast<const char*>(data), size);
  try {
    const faasnap::guest::HttpHead parsed = faasnap::guest::parse_http_head(head);
    faasnap::fuzz::require(parsed.status >= 100 && parsed.status <= 999);
    faasnap::fuzz::require(parsed.content_length.value_or(0) <= faasnap::guest::kMaximumBody.value);
    // What ends a head is never part of one.
    faasnap::fuzz::require(head.find("\r\n\r\n") == std::string_view::npos);
  } catch (const faasnap::Error& error) {
    faasnap::fuzz::require(error.kind() == faasnap::ErrorKind::guest);
  }
  return 0;
}
