// SPDX-License-Identifier: Apache-2.0

#include "guest/http_client.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/error.h"
#include "base/files/poll.h"
#include "base/text.h"

namespace faasnap::guest {
namespace {

constexpr const char* kAskingAgent = "ask the guest's agent";
constexpr std::string_view kEndOfHead = "\r\n\r\n";

[[noreturn]] void reject_reply(const std::string& reason) {
  base::fail(ErrorKind::guest, kAskingAgent, {}, reason);
}

std::string lower_case(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  }
  return result;
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  return first == std::string_view::npos
             ? std::string_view()
             : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Parses a line such as "HTTP/1.1 200 OK"; the reason may be missing.
int parse_status_line(std::string_view line) {
  if (!line.starts_with("HTTP/1.") || line.size() < 12 || line[8] != ' ' ||
      (line.size() > 12 && line[12] != ' ')) {
    reject_reply("expected an HTTP/1 status line");
  }
  const auto status = base::parse_number<unsigned>(line.substr(9, 3));
  if (!status || *status < 100) {
    reject_reply("expected a three-digit status");
  }
  return static_cast<int>(*status);
}

void apply_header(std::string_view line, HttpHead& head) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0 ||
      line.substr(0, colon).find_first_of(" \t") != std::string_view::npos) {
    reject_reply("expected a header line 'Name: value'");
  }
  const auto name = lower_case(line.substr(0, colon));
  const auto value = trim(line.substr(colon + 1));
  head.headers[name] = value;
  if (name == "transfer-encoding") {
    reject_reply("expected a reply with Content-Length, got a transfer encoding");
  }
  if (name != "content-length") {
    return;
  }
  const auto length = base::parse_number<std::uint64_t>(value);
  if (!length || (head.content_length && *head.content_length != *length)) {
    reject_reply("expected one numeric Content-Length");
  }
  if (*length > kMaximumBody.value) {
    reject_reply(
        fmt::format("the reply has {} bytes, expected at most {}", *length, kMaximumBody.value));
  }
  head.content_length = length;
}

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
      "{} {} HTTP/1.1\r\nHost: guest\r\nConnection: close\r\n"
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
    while ((end = data_.find(kEndOfHead)) == std::string::npos) {
      if (data_.size() > kMaximumHead.value) {
        reject_reply(fmt::format("the headers have more than {} bytes", kMaximumHead.value));
      }
      if (!read_more()) {
        reject_reply(data_.empty() ? "the guest closed the connection without a reply"
                                   : "the reply ends within the headers");
      }
    }
    const HttpHead head = parse_http_head(std::string_view(data_).substr(0, end));
    data_.erase(0, end + kEndOfHead.size());
    return head;
  }

  std::string read_body(const HttpHead& head) {
    while (data_.size() < head.content_length.value_or(kMaximumBody.value + 1)) {
      if (!read_more()) {
        if (head.content_length) {
          reject_reply(
              fmt::format("the reply ends {} bytes early", *head.content_length - data_.size()));
        }
        return std::move(data_);
      }
    }
    if (!head.content_length) {
      reject_reply(fmt::format("the reply has more than {} bytes", kMaximumBody.value));
    }
    data_.resize(*head.content_length);
    return std::move(data_);
  }

 private:
  bool read_more() {
    std::array<std::byte, 16 << 10> piece;
    const std::size_t got = stream_.read(piece, deadline_.remaining(kAskingAgent));
    if (first_byte_ == Nanoseconds(0)) {
      first_byte_ = base::monotonic_now();
    }
    data_.append(reinterpret_cast<const char*>(piece.data()), got);
    return got != 0;
  }

  GuestStream& stream_;
  const base::Deadline& deadline_;
  std::string data_;
  Nanoseconds first_byte_{0};
};

bool has_body(const HttpRequest& request, int status) {
  return request.method != "HEAD" && status != 204 && status != 304;
}

}  // namespace

HttpHead parse_http_head(std::string_view text) {
  HttpHead head;
  bool first = true;
  for (;;) {
    const auto end = text.find("\r\n");
    const auto line = text.substr(0, end);
    if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
      reject_reply("stray line end or NUL in the headers");
    }
    if (first) {
      head.status = parse_status_line(line);
      first = false;
    } else {
      apply_header(line, head);
    }
    if (end == std::string_view::npos) {
      return head;
    }
    text.remove_prefix(end + 2);
  }
}

HttpResponse http_exchange(GuestStream& stream, const HttpRequest& request, Nanoseconds timeout) {
  const base::Deadline deadline(timeout);
  const std::string text = format_request(request);
  send_request(stream, text, deadline);
  ResponseReader reader(stream, deadline);
  HttpHead head = reader.read_head();
  if (head.status < 200) {
    reject_reply("expected a final status, got an interim one");  // the request asked for none
  }
  std::string body = has_body(request, head.status) ? reader.read_body(head) : std::string();
  return {head.status, std::move(body), std::move(head.headers), reader.first_byte()};
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
