// SPDX-License-Identifier: Apache-2.0

#ifndef FAASNAP_INIT_HTTP_REQUEST_H_
#define FAASNAP_INIT_HTTP_REQUEST_H_

#include <http_parser.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace faasnap::init {

// A request of HTTP/1.0 or 1.1.
struct HttpRequest {
  struct Header {
    // In lower case.
    std::string name;
    std::string value;
  };

  std::string method;
  // Up to the "?", without percent decoding.
  std::string path;
  std::string query;
  std::vector<Header> headers;
  // Those that come after a chunked body.
  std::vector<Header> trailers;
  std::string body;
  bool keep_alive = false;
  // True if the body went to a sink.
  bool was_streamed = false;
  // True if the client understands an answer in chunks.
  bool may_be_chunked = false;

  // Returns the value of the last header of that name, in lower case; empty if there is none.
  std::string_view header(std::string_view name) const;
  std::string_view trailer(std::string_view name) const;
  // Returns VALUE of NAME=VALUE in the query, without percent decoding; empty if there is none.
  std::string_view parameter(std::string_view name) const;
};

// Returns the name's standard phrase, such as "Not Found".
const char* reason_phrase(int status);

// Takes the bytes of a connection and makes requests of them, with http_parser, which Node.js used:
// bodies with Content-Length and chunked ones, and limits for everything that is kept.
class HttpRequestParser {
 public:
  // Where the pieces of a body go that is not to be kept.
  using BodySink = std::function<void(std::string_view piece)>;

  enum class State {
    // Within a request, or before one.
    incomplete,
    // The head is there and head() may be looked at; take_body decides about the body.
    head,
    // request() is complete, until next() is called.
    complete,
    // error_status() and error() say why. Nothing more can be read.
    failed,
  };

  explicit HttpRequestParser(std::uint64_t largest_body);
  HttpRequestParser(const HttpRequestParser&) = delete;
  HttpRequestParser& operator=(const HttpRequestParser&) = delete;

  // Parses `bytes` until the state changes to something else than incomplete, and returns how many
  // it took. May be called with more bytes in the states incomplete and head.
  std::size_t feed(std::string_view bytes);
  // The peer sends nothing more. A request that has begun has failed.
  void feed_end();

  State state() const noexcept { return state_; }
  HttpRequest& request() noexcept { return request_; }
  int error_status() const noexcept { return error_status_; }
  const std::string& error() const noexcept { return error_; }

  // In state head: the body goes to `sink`.
  void send_body_to(BodySink sink);
  // In state complete: forgets the request.
  void next();

 private:
  static const http_parser_settings kCallbacks;

  int on_url(std::string_view piece);
  int on_field(std::string_view piece);
  int on_value(std::string_view piece);
  int on_head();
  int on_body(std::string_view piece);
  int on_complete();
  int fail(int status, std::string reason);
  std::vector<HttpRequest::Header>& header_list();

  const std::uint64_t largest_body_;
  http_parser parser_;
  State state_ = State::incomplete;
  HttpRequest request_;
  std::string url_;
  std::uint64_t body_bytes_ = 0;
  bool begun_ = false;
  bool in_value_ = false;
  bool head_is_over_ = false;
  BodySink sink_;
  int error_status_ = 0;
  std::string error_;
};

}  // namespace faasnap::init

#endif  // FAASNAP_INIT_HTTP_REQUEST_H_
