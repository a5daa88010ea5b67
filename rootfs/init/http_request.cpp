// SPDX-License-Identifier: Apache-2.0

#include "http_request.h"

#include <algorithm>
#include <climits>
#include <utility>

#include "text.h"

namespace faasnap::init {
namespace {

constexpr std::size_t kMostHeaders = 64;
constexpr std::size_t kLongestHeaderLine = 8 << 10;
constexpr std::size_t kLongestTarget = 8 << 10;
constexpr std::uint32_t kLargestHead = 64 << 10;
// A body is given room for ahead only as far as its sender has shown good will.
constexpr std::uint64_t kLargestReservation = 1 << 20;

std::string_view find_header(const std::vector<HttpRequest::Header>& headers,
                             std::string_view name) {
  for (auto header = headers.rbegin(); header != headers.rend(); ++header) {
    if (header->name == name) {
      return header->value;
    }
  }
  return {};
}

HttpRequestParser& owner_of(http_parser* parser) {
  return *static_cast<HttpRequestParser*>(parser->data);
}

bool is_target_byte(char c) { return c > ' ' && c < '\x7f'; }

}  // namespace

std::string_view HttpRequest::header(std::string_view name) const {
  return find_header(headers, name);
}

std::string_view HttpRequest::trailer(std::string_view name) const {
  return find_header(trailers, name);
}

std::string_view HttpRequest::parameter(std::string_view name) const {
  for (std::string_view rest = query; !rest.empty();) {
    const auto [pair, others] = split(rest, '&');
    const auto [key, value] = split(pair, '=');
    if (key == name) {
      return value;
    }
    rest = others;
  }
  return {};
}

const char* reason_phrase(int status) {
  switch (status) {
#define FAASNAP_REASON(number, name, text) \
  case number:                             \
    return #text;
    HTTP_STATUS_MAP(FAASNAP_REASON)
#undef FAASNAP_REASON
    default:
      return "";
  }
}

const http_parser_settings HttpRequestParser::kCallbacks = {
    .on_message_begin =
        [](http_parser* parser) {
          owner_of(parser).begun_ = true;
          return 0;
        },
    .on_url =
        [](http_parser* parser, const char* at, size_t length) {
          return owner_of(parser).on_url({at, length});
        },
    .on_status = nullptr,
    .on_header_field =
        [](http_parser* parser, const char* at, size_t length) {
          return owner_of(parser).on_field({at, length});
        },
    .on_header_value =
        [](http_parser* parser, const char* at, size_t length) {
          return owner_of(parser).on_value({at, length});
        },
    .on_headers_complete = [](http_parser* parser) { return owner_of(parser).on_head(); },
    .on_body =
        [](http_parser* parser, const char* at, size_t length) {
          return owner_of(parser).on_body({at, length});
        },
    .on_message_complete = [](http_parser* parser) { return owner_of(parser).on_complete(); },
    .on_chunk_header = nullptr,
    .on_chunk_complete = nullptr,
};

HttpRequestParser::HttpRequestParser(std::uint64_t largest_body) : largest_body_(largest_body) {
  http_parser_set_max_header_size(kLargestHead);
  http_parser_init(&parser_, HTTP_REQUEST);
  parser_.data = this;
}

std::size_t HttpRequestParser::feed(std::string_view bytes) {
  if (state_ == State::head) {
    state_ = State::incomplete;
  }
  http_parser_pause(&parser_, 0);
  const std::size_t taken = http_parser_execute(&parser_, &kCallbacks, bytes.data(), bytes.size());
  const http_errno error = HTTP_PARSER_ERRNO(&parser_);
  if (error == HPE_PAUSED || error == HPE_OK || state_ == State::failed) {
    return taken;
  }
  const int status = error == HPE_HEADER_OVERFLOW ? HTTP_STATUS_REQUEST_HEADER_FIELDS_TOO_LARGE
                                                  : HTTP_STATUS_BAD_REQUEST;
  fail(status, format("malformed request: %s", http_errno_description(error)));
  return taken;
}

void HttpRequestParser::feed_end() {
  if (begun_ && state_ != State::complete) {
    fail(HTTP_STATUS_BAD_REQUEST, "the request ends early");
  }
}

void HttpRequestParser::send_body_to(BodySink sink) {
  sink_ = std::move(sink);
  request_.was_streamed = true;
}

void HttpRequestParser::next() {
  request_ = {};
  url_.clear();
  body_bytes_ = 0;
  begun_ = in_value_ = head_is_over_ = false;
  sink_ = nullptr;
  state_ = State::incomplete;
}

int HttpRequestParser::on_url(std::string_view piece) {
  url_ += piece;
  return url_.size() <= kLongestTarget
             ? 0
             : fail(HTTP_STATUS_REQUEST_HEADER_FIELDS_TOO_LARGE, "the request line is too long");
}

std::vector<HttpRequest::Header>& HttpRequestParser::header_list() {
  return head_is_over_ ? request_.trailers : request_.headers;
}

int HttpRequestParser::on_field(std::string_view piece) {
  auto& headers = header_list();
  if (in_value_ || headers.empty()) {
    if (headers.size() == kMostHeaders) {
      return fail(HTTP_STATUS_REQUEST_HEADER_FIELDS_TOO_LARGE,
                  format("more than %zu header lines", kMostHeaders));
    }
    headers.emplace_back();
    in_value_ = false;
  }
  headers.back().name += lower_case(piece);
  return headers.back().name.size() <= kLongestHeaderLine
             ? 0
             : fail(HTTP_STATUS_REQUEST_HEADER_FIELDS_TOO_LARGE, "a header line is too long");
}

int HttpRequestParser::on_value(std::string_view piece) {
  in_value_ = true;
  std::string& value = header_list().back().value;
  value += piece;
  return value.size() <= kLongestHeaderLine
             ? 0
             : fail(HTTP_STATUS_REQUEST_HEADER_FIELDS_TOO_LARGE, "a header line is too long");
}

int HttpRequestParser::on_head() {
  if (parser_.http_major != 1 || parser_.http_minor > 1) {
    return fail(HTTP_STATUS_HTTP_VERSION_NOT_SUPPORTED, "expected HTTP/1.1");
  }
  request_.method = http_method_str(static_cast<http_method>(parser_.method));
  if (!url_.starts_with('/')) {
    return fail(HTTP_STATUS_BAD_REQUEST, "expected a request line METHOD /PATH HTTP/1.1");
  }
  for (const char c : url_) {
    if (!is_target_byte(c)) {
      return fail(HTTP_STATUS_BAD_REQUEST, "expected a path of printable ASCII");
    }
  }
  const auto [path, query] = split(url_, '?');
  request_.path = path;
  request_.query = query;
  request_.may_be_chunked = parser_.http_minor == 1;
  request_.keep_alive = http_should_keep_alive(&parser_) != 0;
  if (parser_.content_length != ULLONG_MAX) {
    if (parser_.content_length > largest_body_) {
      return fail(HTTP_STATUS_PAYLOAD_TOO_LARGE,
                  format("a body of %llu bytes; at most %llu are taken",
                         static_cast<unsigned long long>(parser_.content_length),
                         static_cast<unsigned long long>(largest_body_)));
    }
    request_.body.reserve(std::min<std::uint64_t>(parser_.content_length, kLargestReservation));
  }
  head_is_over_ = true;
  in_value_ = false;
  state_ = State::head;
  http_parser_pause(&parser_, 1);
  return 0;
}

int HttpRequestParser::on_body(std::string_view piece) {
  body_bytes_ += piece.size();
  if (!sink_ && body_bytes_ > largest_body_) {
    return fail(
        HTTP_STATUS_PAYLOAD_TOO_LARGE,
        format("a body of more than %llu bytes", static_cast<unsigned long long>(largest_body_)));
  }
  if (sink_) {
    sink_(piece);
  } else {
    request_.body += piece;
  }
  return 0;
}

int HttpRequestParser::on_complete() {
  state_ = State::complete;
  http_parser_pause(&parser_, 1);
  return 0;
}

int HttpRequestParser::fail(int status, std::string reason) {
  if (state_ != State::failed) {
    state_ = State::failed;
    error_status_ = status;
    error_ = std::move(reason);
  }
  return -1;
}

}  // namespace faasnap::init
