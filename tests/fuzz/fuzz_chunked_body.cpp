// SPDX-License-Identifier: Apache-2.0

// What a guest's agent streams: a chunked body and its trailers, as a whole and cut into pieces of
// the size that the first byte says. Both must give the same.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <faasnap/error.h>

#include "guest/chunked_body.h"
#include "guest/http_head.h"
#include "support.h"

namespace {

struct Result {
  std::string data;
  bool is_complete = false;
  std::map<std::string, std::string> trailers;

  bool operator==(const Result&) const = default;
};

// Returns nothing for what is refused.
std::optional<Result> take_apart(std::string_view input, std::size_t piece) {
  faasnap::guest::ChunkedBody body;
  Result result;
  try {
    for (; !input.empty(); input.remove_prefix(std::min(piece, input.size()))) {
      const bool more = body.feed(input.substr(0, piece), [&](std::string_view data) {
        faasnap::fuzz::require(!data.empty());
        result.data += data;
        return true;
      });
      faasnap::fuzz::require(more);
    }
  } catch (const faasnap::Error& error) {
    faasnap::fuzz::require(error.kind() == faasnap::ErrorKind::guest);
    return std::nullopt;
  }
  result.is_complete = body.is_complete();
  result.trailers = body.trailers();
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) {
    return 0;
  }
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = take_apart(input, input.size());
  faasnap::fuzz::require(whole == take_apart(input, std::size_t{data[0]} + 1));
  if (whole) {
    faasnap::fuzz::require(whole->data.size() < input.size());
  }
  return 0;
}
