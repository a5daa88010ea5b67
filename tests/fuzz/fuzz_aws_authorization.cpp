// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "auth/signature.h"

// A request's header Authorization, its target and a header's value, divided by line feeds: what is
// taken has every part in its form, and what is signed of it can be written down.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace platform;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto first = std::min(text.find('\n'), size);
  const auto second = std::min(text.find('\n', first + 1), size);
  const auto authorization = auth::parse_authorization(text.substr(0, first));
  if (!authorization) {
    return 0;
  }
  const bool fine = authorization->date.size() == 8 && authorization->signature.size() == 64 &&
                    !authorization->access_key.empty() &&
                    std::ranges::is_sorted(authorization->signed_headers);
  if (!fine) {
    std::abort();
  }
  const auth::Message message{.method = "GET",
                              .target = std::string(text.substr(first, second - first)),
                              .headers = {{"host", std::string(text.substr(second))}}};
  const std::string canonical = auth::canonical_request(message, *authorization, "UNSIGNED");
  if (auth::signature(*authorization, "20260102T030405Z", canonical, "secret").size() != 64) {
    std::abort();
  }
  return 0;
}
