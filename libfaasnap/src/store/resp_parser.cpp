// SPDX-License-Identifier: Apache-2.0

#include "store/resp_parser.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace faasnap::store {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
// Type, the digits of any 64-bit number, and the end of the line.
constexpr std::size_t kLongestLine = 1 + 20 + 2;

}  // namespace

void RespParser::feed(std::span<const std::byte> data) {
  buffer_.erase(0, std::exchange(read_, 0));
  buffer_.append(reinterpret_cast<const char*>(data.data()), data.size());
}

std::optional<RespParser::Request> RespParser::next() {
  for (;;) {
    switch (state_) {
      case State::value:
        if (!skip_value()) {
          return std::nullopt;
        }
        break;
      case State::end_of_value:
        if (!take_line_end()) {
          return std::nullopt;
        }
        state_ = State::count;
        break;
      case State::count: {
        const auto count = take_number('*');
        if (!count) {
          return std::nullopt;
        }
        begin(*count);
        break;
      }
      case State::length: {
        const auto length = take_number('$');
        if (!length) {
          return std::nullopt;
        }
        length_ = *length;
        if (length_ <= kMaximumHeld.value - held_) {
          state_ = State::argument;
          break;
        }
        if (missing_ != 1 || request_.arguments.empty() || length_ > kMaximumValue.value) {
          reject("request is too large");
        }
        state_ = State::value;
        request_.value = Bytes{length_};
        return std::exchange(request_, {});
      }
      case State::argument:
        if (!take_argument()) {
          return std::nullopt;
        }
        if (missing_ == 0) {
          state_ = State::count;
          return std::exchange(request_, {});
        }
        state_ = State::length;
        break;
    }
  }
}

std::size_t RespParser::take_value(std::span<std::byte> out) {
  if (state_ != State::value) {
    return 0;
  }
  const auto piece = unread().substr(0, std::min<std::uint64_t>(out.size(), length_));
  std::ranges::copy(std::as_bytes(std::span(piece)), out.begin());
  read_ += piece.size();
  length_ -= piece.size();
  if (length_ == 0) {
    state_ = State::end_of_value;
  }
  return piece.size();
}

// Returns false if more of the value comes.
bool RespParser::skip_value() {
  const std::uint64_t here = std::min<std::uint64_t>(unread().size(), length_);
  read_ += here;
  length_ -= here;
  if (length_ != 0) {
    return false;
  }
  state_ = State::end_of_value;
  return true;
}

void RespParser::begin(std::uint64_t arguments) {
  if (arguments > kMaximumArguments) {
    reject("too many arguments");
  }
  missing_ = arguments;
  held_ = 0;
  state_ = missing_ == 0 ? State::count : State::length;  // Redis skips an empty array, too
}

// Returns false if it has not come.
bool RespParser::take_argument() {
  if (unread().size() < length_ + kLineEnd.size()) {
    return false;
  }
  request_.arguments.emplace_back(unread().substr(0, length_));
  read_ += length_;
  held_ += length_;
  --missing_;
  return take_line_end();
}

// Returns the number of a line that starts with `type`, or nothing if the line has not come.
std::optional<std::uint64_t> RespParser::take_number(char type) {
  const std::string_view rest = unread().substr(0, kLongestLine);
  if (!rest.empty() && rest[0] != type) {
    reject("expected an array of bulk strings");
  }
  const auto end = rest.find(kLineEnd);
  if (end == std::string_view::npos) {
    if (rest.size() == kLongestLine) {
      reject("expected a count or a length");
    }
    return std::nullopt;
  }
  const auto number = base::parse_number<std::uint64_t>(rest.substr(1, end - 1));
  if (!number) {
    reject("expected a count or a length");
  }
  read_ += end + kLineEnd.size();
  return number;
}

// Returns false if it has not come.
bool RespParser::take_line_end() {
  const auto rest = unread().substr(0, kLineEnd.size());
  if (rest != kLineEnd.substr(0, rest.size())) {
    reject("expected the end of a bulk string");
  }
  if (rest.size() < kLineEnd.size()) {
    return false;
  }
  read_ += kLineEnd.size();
  return true;
}

void RespParser::reject(const std::string& reason) {
  base::fail(ErrorKind::corrupt, "parse request", {}, reason);
}

}  // namespace faasnap::store
