#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <faasnap/guest_stream.h>
#include <faasnap/units.h>

namespace faasnap::guest {

// The little of HTTP/1.1 (RFC 9112) that talking to a guest's agent takes: one request on one
// connection, which then ends. The guest is not trusted: status line and headers are at most
// kMaximumHead bytes, the body kMaximumBody.
inline constexpr Bytes kMaximumHead = 64_KiB;
inline constexpr Bytes kMaximumBody = 64_MiB;

struct HttpRequest {
  std::string_view method;
  // Path and query, percent-encoded.
  std::string_view target;
  // JSON; may be empty.
  std::string_view body;
  // Further header lines, each ended by CR LF; the caller's own text, not checked.
  std::string_view headers = {};
};

struct HttpResponse {
  int status = 0;
  std::string body{};
  // When its first byte came, by base::monotonic_now.
  Nanoseconds first_byte{0};
};

// What a response says before its body.
struct HttpHead {
  int status = 0;
  // Nothing: the body goes on to the end of the stream.
  std::optional<std::uint64_t> content_length;
};

// Sends the request and reads the response; all of it within `timeout`. Throws
// ErrorKind::guest when the response is not one, ends early or exceeds a limit;
// ErrorKind::invalid_argument for a method or target that would break the request;
// ErrorKind::timeout.
HttpResponse http_exchange(GuestStream& stream, const HttpRequest& request, Nanoseconds timeout);

// Parses status line and header lines, the empty line that ends them left out.
HttpHead parse_http_head(std::string_view head);

// `text` with everything but RFC 3986's unreserved characters as %XX.
std::string percent_encode(std::string_view text);

}  // namespace faasnap::guest
