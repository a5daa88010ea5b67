// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <faasnap/units.h>

namespace faasnap::store {

// Parses requests of the Redis protocol (RESP2): arrays of bulk strings. The client is not trusted:
// the limits below bound the memory of a request, and a length is checked when it is declared,
// before its bytes are read. A last argument that exceeds kMaximumHeld is not held, as parsers of
// clients do, but handed on piece by piece.
class RespParser {
 public:
  // Maximum number of arguments of a request.
  static constexpr std::size_t kMaximumArguments = 1024;
  // Maximum number of bytes of all arguments that are held.
  static constexpr Bytes kMaximumHeld = 64_KiB;
  // Maximum number of bytes of a last argument that is not held.
  static constexpr Bytes kMaximumValue = 512_MiB;

  struct Request {
    // The command's name first; never empty.
    std::vector<std::string> arguments;
    // Size of one more argument, the last, whose bytes take_value() returns.
    std::optional<Bytes> value;
  };

  // Takes the next bytes of the stream, at most kFeed at once.
  static constexpr std::size_t kFeed = 64 << 10;
  void feed(std::span<const std::byte> data);
  // Returns the next request, or nothing if it has not come. Skips what is left of the value of the
  // request before. Throws ErrorKind::corrupt if the bytes are not a request or exceed a limit; the
  // parser may only be destroyed then.
  std::optional<Request> next();
  // Moves bytes of the last request's value that have come to `out` and returns how many.
  std::size_t take_value(std::span<std::byte> out);
  // True between two requests.
  bool idle() const noexcept { return state_ == State::count && unread().empty(); }

 private:
  // What comes next.
  enum class State { count, length, argument, value, end_of_value };

  std::string_view unread() const noexcept { return std::string_view(buffer_).substr(read_); }
  std::optional<std::uint64_t> take_number(char type);
  bool take_line_end();
  bool skip_value();
  void begin(std::uint64_t arguments);
  bool take_argument();
  [[noreturn]] static void reject(const std::string& reason);

  // Bytes of the stream; those before `read_` have been consumed.
  std::string buffer_;
  std::size_t read_ = 0;
  State state_ = State::count;
  Request request_;
  // Number of arguments that have not come.
  std::uint64_t missing_ = 0;
  // Bytes of the arguments that have come.
  std::uint64_t held_ = 0;
  // Length of the argument that comes next, or what is left of the value.
  std::uint64_t length_ = 0;
};

}  // namespace faasnap::store
