// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include <faasnap/guest_stream.h>
#include <faasnap/units.h>

#include "guest/http_head.h"

namespace faasnap::guest {

// The part of HTTP/1.1 (RFC 9112) that a conversation with a guest's agent needs: one request on
// one connection, which then ends. HTTP libraries open their own connections; this one speaks over
// a stream that is there.

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
  // Those after a chunked body.
  std::map<std::string, std::string> trailers{};
  // Time of arrival of the first byte, by base::monotonic_now.
  Nanoseconds first_byte{0};
};

// Takes a response as it comes. Each function returns false to end the exchange; what it throws
// ends it, too, and reaches the caller.
struct ResponseSink {
  // Status, headers and first_byte.
  std::function<bool(const HttpResponse& head)> head;
  // A part of the body, as it came: at most 16 KiB, and never empty.
  std::function<bool(std::string_view piece)> piece;
};

// Sends the request and reads the response, both within `timeout`. A response that comes before all
// of the request is sent is the response: the rest is not sent. Throws ErrorKind::guest if the
// response is invalid, ends early or exceeds a limit; ErrorKind::invalid_argument for a method or
// target that would break the request; ErrorKind::timeout.
HttpResponse http_exchange(GuestStream& stream, const HttpRequest& request, Nanoseconds timeout);
// Does the same and keeps nothing of the body: `sink` gets it, whose time counts. What is returned
// has no body, and no trailers if the sink has ended the exchange.
HttpResponse http_exchange(GuestStream& stream, const HttpRequest& request, Nanoseconds timeout,
                           const ResponseSink& sink);

// Returns the header lines of a request. Throws ErrorKind::invalid_argument for a name that is not
// a token, or a value with control characters.
std::string header_lines(const std::map<std::string, std::string>& headers);

// Returns `text` with every character but RFC 3986's unreserved ones as %XX.
std::string percent_encode(std::string_view text);

}  // namespace faasnap::guest
