// SPDX-License-Identifier: Apache-2.0

// What the guest's agent reads: requests, in pieces of any size, and JSON.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "http_request.h"
#include "image_config.h"
#include "json.h"
#include "network_config.h"
#include "user.h"

namespace {

using faasnap::init::HttpRequestParser;
using State = HttpRequestParser::State;

constexpr std::uint64_t kLargestBody = 1000;

// Stops the fuzzer with a crash: an invariant of the code under test does not hold.
void require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

// Returns the requests of `bytes`, fed in pieces of `step`, up to the first malformed one.
std::vector<std::string> parse(std::string_view bytes, std::size_t step) {
  HttpRequestParser parser(kLargestBody);
  std::vector<std::string> found;
  while (parser.state() != State::failed && !bytes.empty()) {
    const std::size_t taken = parser.feed(bytes.substr(0, step));
    require(taken <= std::min(step, bytes.size()));
    bytes.remove_prefix(taken);
    if (parser.state() == State::complete) {
      const auto& request = parser.request();
      require(request.body.size() <= kLargestBody);
      require(request.path.starts_with('/') && request.path.find(' ') == std::string::npos);
      found.push_back(request.method + request.path + request.body);
      parser.next();
    } else {
      // Only a head may end before the piece does.
      require(parser.state() != State::incomplete || taken == std::min(step, taken + bytes.size()));
    }
  }
  if (parser.state() == State::failed) {
    require(parser.error_status() >= 400 && !parser.error().empty());
  }
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  require(parse(text, 1) == parse(text, std::max<std::size_t>(size, 1)));
  std::string error;
  require(faasnap::init::parse_image_config(text, error).has_value() == error.empty());
  require(faasnap::init::parse_network_config(text, error).has_value() == error.empty());
  require(faasnap::init::is_json(faasnap::init::json_quote(text)));
  const bool has_member = !faasnap::init::json_string_member(text, "errorType").empty();
  require(!has_member || faasnap::init::is_json(text));
  (void)faasnap::init::find_user("a:b", text, text);
  return 0;
}
