// SPDX-License-Identifier: Apache-2.0

#include "guest/http_head.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace faasnap::guest {
namespace {

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

void apply_length(std::string_view value, HttpHead& head) {
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

void apply_header(std::string_view line, HttpHead& head) {
  auto [name, value] = parse_http_field(line);
  if (name == "content-length") {
    apply_length(value, head);
  } else if (name == "transfer-encoding") {
    if (head.is_chunked || lower_case(value) != "chunked") {
      reject_reply(fmt::format("expected the transfer encoding 'chunked' once, got '{}'",
                               base::printable(value)));
    }
    head.is_chunked = true;
  }
  head.headers[std::move(name)] = std::move(value);
}

}  // namespace

void reject_reply(const std::string& reason) {
  base::fail(ErrorKind::guest, kAskingAgent, {}, reason);
}

std::pair<std::string, std::string> parse_http_field(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0 ||
      line.substr(0, colon).find_first_of(" \t") != std::string_view::npos) {
    reject_reply("expected a header line 'Name: value'");
  }
  return {lower_case(line.substr(0, colon)), std::string(trim(line.substr(colon + 1)))};
}

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
      break;
    }
    text.remove_prefix(end + 2);
  }
  // RFC 9112, section 6.3: two lengths are how requests are smuggled.
  if (head.is_chunked && head.content_length) {
    reject_reply("expected a Content-Length or a transfer encoding, got both");
  }
  return head;
}

}  // namespace faasnap::guest
