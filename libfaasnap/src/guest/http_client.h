// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <faasnap/guest_stream.h>
#include <faasnap/units.h>

namespace faasnap::guest {

// The part of HTTP/1.1 (RFC 9112) that a conversation with a guest's agent needs: one request on
// one connection, which then ends. The guest is not trusted: status line and headers have at most
// kMaximumHead bytes, the body at most kMaximumBody. HTTP libraries open their own connections;
// this one speaks over a stream that is there.
inline constexpr Bytes kMaximumHead = 64_KiB;
inline constexpr Bytes kMaximumBody = 64_MiB;

struct HttpRequest {
  std::string_view method;
  // Path and query, percent-encoded.
  std::string_view target;
  // JSON; may be empty.
  std::string_view body;
  // Further header lines, each ending with CR LF; the caller's own text, not checked.
  std::string_view headers = {};
};

struct HttpResponse {
  int status = 0;
  std::string body{};
  std::map<std::string, std::string> headers{};
  // Time of arrival of the first byte, by base::monotonic_now.
  Nanoseconds first_byte{0};
};

// The status line and headers of a response.
struct HttpHead {
  int status = 0;
  // Empty if the body extends to the end of the stream.
  std::optional<std::uint64_t> content_length;
  // Every header field by its name in lower case; of equal names the last.
  std::map<std::string, std::string> headers;
};

// Sends the request and reads the response, both within `timeout`. A response that comes before all
// of the request is sent is the response: the rest is not sent. Throws ErrorKind::guest if the
// response is invalid, ends early or exceeds a limit; ErrorKind::invalid_argument for a method or
// target that would break the request; ErrorKind::timeout.
HttpResponse http_exchange(GuestStream& stream, const HttpRequest& request, Nanoseconds timeout);

// Parses the status line and the header lines, without the empty line that ends them.
HttpHead parse_http_head(std::string_view head);

// Returns the header lines of a request. Throws ErrorKind::invalid_argument for a name that is not
// a token, or a value with control characters.
std::string header_lines(const std::map<std::string, std::string>& headers);

// Returns `text` with every character but RFC 3986's unreserved ones as %XX.
std::string percent_encode(std::string_view text);

}  // namespace faasnap::guest
