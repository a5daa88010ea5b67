// SPDX-License-Identifier: Apache-2.0

#include "guest/chunked_body.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "guest/http_head.h"

namespace faasnap::guest {
namespace {

// Enough for a size and for extensions, which nobody sends.
constexpr std::size_t kLongestSizeLine = 256;

}  // namespace

bool ChunkedBody::feed(std::string_view bytes, const Sink& sink) {
  while (!bytes.empty() && state_ != State::complete) {
    if (state_ == State::data) {
      const std::string_view data = bytes.substr(0, std::min<std::uint64_t>(left_, bytes.size()));
      bytes.remove_prefix(data.size());
      left_ -= data.size();
      state_ = left_ == 0 ? State::end_of_data : State::data;
      if (!sink(data)) {
        return false;
      }
    } else if (take_line(bytes)) {
      apply_line();
      line_.clear();
    }
  }
  return true;
}

// Moves bytes to line_ up to the end of the line. Returns false if that has not come.
bool ChunkedBody::take_line(std::string_view& bytes) {
  const auto end = bytes.find('\n');
  const bool is_whole = end != std::string_view::npos;
  const std::string_view part = bytes.substr(0, end);
  trailer_bytes_ += state_ == State::trailers ? part.size() + (is_whole ? 1 : 0) : 0;
  if (state_ != State::trailers && line_.size() + part.size() > kLongestSizeLine) {
    reject_reply("expected a chunk's size, got a longer line");
  }
  if (trailer_bytes_ > kMaximumHead.value) {
    reject_reply(fmt::format("the trailers have more than {} bytes", kMaximumHead.value));
  }
  line_ += part;
  if (!is_whole) {
    bytes = {};
    return false;
  }
  bytes.remove_prefix(end + 1);
  if (!line_.ends_with('\r')) {
    reject_reply("stray line end in a chunked body");
  }
  line_.pop_back();
  if (line_.find_first_of(std::string_view("\r\0", 2)) != std::string::npos) {
    reject_reply("stray line end or NUL in a chunked body");
  }
  return true;
}

void ChunkedBody::apply_line() {
  switch (state_) {
    case State::size:
      begin_chunk();
      break;
    case State::end_of_data:
      if (!line_.empty()) {
        reject_reply("expected the end of a chunk, got more data than its size says");
      }
      state_ = State::size;
      break;
    case State::trailers:
      if (line_.empty()) {
        state_ = State::complete;
      } else {
        auto [name, value] = parse_http_field(line_);
        trailers_[std::move(name)] = std::move(value);
      }
      break;
    case State::data:
    case State::complete:
      break;
  }
}

void ChunkedBody::begin_chunk() {
  const std::string_view digits =
      std::string_view(line_).substr(0, std::min(line_.find_first_of("; \t"), line_.size()));
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), left_, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    reject_reply("expected a chunk's size in hexadecimal digits");
  }
  if (left_ > kMaximumBody.value) {
    reject_reply(
        fmt::format("a chunk has {} bytes, expected at most {}", left_, kMaximumBody.value));
  }
  state_ = left_ == 0 ? State::trailers : State::data;
}

}  // namespace faasnap::guest
