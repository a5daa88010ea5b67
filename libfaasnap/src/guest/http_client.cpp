// SPDX-License-Identifier: Apache-2.0

#include "guest/http_client.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/error.h"
#include "base/files/poll.h"
#include "base/text.h"
#include "guest/chunked_body.h"

namespace faasnap::guest {
namespace {

constexpr std::string_view kEndOfHead = "\r\n\r\n";

void check_token(std::string_view text, const char* what) {
  const bool fine = !text.empty() && std::all_of(text.begin(), text.end(),
                                                 [](char c) { return c > ' ' && c < '\x7f'; });
  if (!fine) {
    base::fail(ErrorKind::invalid_argument, kAskingAgent, {},
               fmt::format("{} must be printable ASCII without spaces", what));
  }
}

std::string format_request(const HttpRequest& request) {
  check_token(request.method, "method");
  check_token(request.target, "target");
  return fmt::format(
      "{} {} HTTP/1.1\r\nHost: guest\r\nConnection: close, TE\r\nTE: trailers\r\n"
      "Content-Type: application/json\r\nContent-Length: {}\r\n{}\r\n{}",
      request.method, request.target, request.body.size(), request.headers, request.body);
}

// Sends the request until all of it is sent, or the reply begins, or the guest closes: an agent may
// refuse a request of which it has seen the head only, and read no more of it.
void send_request(GuestStream& stream, std::string_view text, const base::Deadline& deadline) {
  while (!text.empty()) {
    const int ready =
        base::wait_ready(stream.descriptor(), POLLIN | POLLOUT, deadline, kAskingAgent);
    if ((ready & ~POLLOUT) != 0) {
      return;
    }
    const ssize_t put = base::retry_eintr([&] {
      return ::send(stream.descriptor(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    });
    if (put >= 0) {
      text.remove_prefix(static_cast<std::size_t>(put));
    } else if (errno == EPIPE || errno == ECONNRESET) {
      return;
    } else if (errno != EAGAIN) {
      base::fail_errno(kAskingAgent);
    }
  }
}

// Reads a response part by part.
class ResponseReader {
 public:
  ResponseReader(GuestStream& stream, const base::Deadline& deadline)
      : stream_(stream), deadline_(deadline) {}

  Nanoseconds first_byte() const noexcept { return first_byte_; }

  HttpHead read_head() {
    std::size_t end;
    while ((end = head_.find(kEndOfHead)) == std::string::npos) {
      if (head_.size() > kMaximumHead.value) {
        reject_reply(fmt::format("the headers have more than {} bytes", kMaximumHead.value));
      }
      const std::string_view more = read();
      if (more.empty()) {
        reject_reply(head_.empty() ? "the guest closed the connection without a reply"
                                   : "the reply ends within the headers");
      }
      head_ += more;
    }
    rest_ = std::string_view(head_).substr(end + kEndOfHead.size());
    return parse_http_head(std::string_view(head_).substr(0, end));
  }

  // Returns the next bytes after the head, valid until the next call; none at the end of the
  // stream.
  std::string_view next() { return rest_.empty() ? read() : std::exchange(rest_, {}); }

 private:
  std::string_view read() {
    const std::size_t got = stream_.read(buffer_, deadline_.remaining(kAskingAgent));
    if (first_byte_ == Nanoseconds(0)) {
      first_byte_ = base::monotonic_now();
    }
    return {reinterpret_cast<const char*>(buffer_.data()), got};
  }

  GuestStream& stream_;
  const base::Deadline& deadline_;
  std::array<std::byte, 16 << 10> buffer_;
  std::string head_;
  // What came with the head, and has not been returned.
  std::string_view rest_;
  Nanoseconds first_byte_{0};
};

bool has_body(const HttpRequest& request, int status) {
  return request.method != "HEAD" && status != 204 && status != 304;
}

// Gives the body to the sink. Returns its trailers; none if the sink has ended the exchange.
std::map<std::string, std::string> read_body(ResponseReader& reader, const HttpHead& head,
                                             const ChunkedBody::Sink& sink) {
  std::uint64_t total = 0;
  const ChunkedBody::Sink limited = [&](std::string_view data) {
    total += data.size();
    if (total > kMaximumBody.value) {
      reject_reply(fmt::format("the reply has more than {} bytes", kMaximumBody.value));
    }
    return sink(data);
  };
  if (head.is_chunked) {
    ChunkedBody body;
    while (!body.is_complete()) {
      const std::string_view bytes = reader.next();
      if (bytes.empty()) {
        reject_reply("the reply ends before its last chunk");
      }
      if (!body.feed(bytes, limited)) {
        return {};
      }
    }
    return std::move(body.trailers());
  }
  while (!head.content_length || total < *head.content_length) {
    std::string_view bytes = reader.next();
    if (bytes.empty() && head.content_length) {
      reject_reply(fmt::format("the reply ends {} bytes early", *head.content_length - total));
    }
    bytes = bytes.substr(0, head.content_length ? *head.content_length - total : bytes.size());
    if (bytes.empty() || !limited(bytes)) {
      break;
    }
  }
  return {};
}

}  // namespace

HttpResponse http_exchange(GuestStream& stream, const HttpRequest& request, Nanoseconds timeout) {
  std::string body;
  const ResponseSink whole{[](const HttpResponse&) { return true; },
                           [&](std::string_view piece) {
                             body += piece;
                             return true;
                           }};
  HttpResponse response = http_exchange(stream, request, timeout, whole);
  response.body = std::move(body);
  return response;
}

HttpResponse http_exchange(GuestStream& stream, const HttpRequest& request, Nanoseconds timeout,
                           const ResponseSink& sink) {
  const base::Deadline deadline(timeout);
  const std::string text = format_request(request);
  send_request(stream, text, deadline);
  ResponseReader reader(stream, deadline);
  HttpHead head = reader.read_head();
  if (head.status < 200) {
    reject_reply("expected a final status, got an interim one");  // the request asked for none
  }
  HttpResponse response{
      .status = head.status, .headers = head.headers, .first_byte = reader.first_byte()};
  if (sink.head(response) && has_body(request, head.status)) {
    response.trailers = read_body(reader, head, sink.piece);
  }
  return response;
}

std::string header_lines(const std::map<std::string, std::string>& headers) {
  static constexpr std::string_view kTokenMarks = "!#$%&'*+-.^_`|~";
  std::string lines;
  for (const auto& [name, value] : headers) {
    const bool named = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
             kTokenMarks.find(c) != std::string_view::npos;
    });
    const bool plain = std::none_of(value.begin(), value.end(), [](char c) {
      return static_cast<unsigned char>(c) < ' ' || c == '\x7f';
    });
    if (!named || !plain) {
      base::fail(ErrorKind::invalid_argument, kAskingAgent, {},
                 fmt::format("header '{}' is not a token with a value of one line",
                             base::printable(name)));
    }
    lines += fmt::format("{}: {}\r\n", name, value);
  }
  return lines;
}

std::string percent_encode(std::string_view text) {
  static constexpr std::string_view kUnreserved =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string result;
  for (const char byte : text) {
    if (kUnreserved.find(byte) != std::string_view::npos) {
      result += byte;
    } else {
      result += fmt::format("%{:02X}", static_cast<unsigned char>(byte));
    }
  }
  return result;
}

}  // namespace faasnap::guest
