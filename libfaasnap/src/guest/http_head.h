// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <faasnap/units.h>

namespace faasnap::guest {

// What an answer of a guest's agent says of itself. The guest is not trusted: status line and
// headers have at most kMaximumHead bytes, and so have a chunked body's trailers; the body has at
// most kMaximumBody.
inline constexpr Bytes kMaximumHead = 64_KiB;
inline constexpr Bytes kMaximumBody = 64_MiB;

// The status line and headers of a response.
struct HttpHead {
  int status = 0;
  // Empty if the body is chunked, or extends to the end of the stream.
  std::optional<std::uint64_t> content_length;
  bool is_chunked = false;
  // Every header field by its name in lower case; of equal names the last.
  std::map<std::string, std::string> headers;
};

// Parses the status line and the header lines, without the empty line that ends them. Throws
// ErrorKind::guest.
HttpHead parse_http_head(std::string_view head);

// Returns name, in lower case, and value of a header line. Throws ErrorKind::guest.
std::pair<std::string, std::string> parse_http_field(std::string_view line);

// What errors of a conversation with the agent say was being done.
inline constexpr const char* kAskingAgent = "ask the guest's agent";

// Throws ErrorKind::guest with what is wrong with the answer.
[[noreturn]] void reject_reply(const std::string& reason);

}  // namespace faasnap::guest
