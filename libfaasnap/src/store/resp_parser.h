// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <hiredis/read.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <faasnap/units.h>

namespace faasnap::store {

// Parses requests of the Redis protocol (RESP2): arrays of bulk strings. The client is not trusted:
// the limits below bound the memory of a request, and a length is checked when it is declared,
// before its bytes are read.
class RespParser {
 public:
  // Maximum number of arguments of a request.
  static constexpr std::size_t kMaximumArguments = 1024;
  // Maximum number of bytes of all arguments but the largest.
  static constexpr Bytes kMaximumSmall = 1_MiB;
  // Maximum number of bytes of the largest argument.
  static constexpr Bytes kMaximumLarge = 512_MiB;

  RespParser();

  // Takes the next bytes of the stream, at most kFeed at once.
  static constexpr std::size_t kFeed = 64 << 10;
  void feed(std::span<const std::byte> data);
  // Returns the arguments of the next complete request, the command's name first, or nothing if
  // there is none yet; never an empty request. Throws ErrorKind::corrupt if the bytes are not a
  // request or exceed a limit; the parser may only be destroyed then.
  std::optional<std::vector<std::string>> next();
  // Declared length of the argument that next() found incomplete; 0 if there is none.
  Bytes pending() const noexcept { return pending_; }

 private:
  struct Request;
  struct Deleter {
    void operator()(redisReader* reader) const noexcept { redisReaderFree(reader); }
    void operator()(Request* request) const noexcept;
  };

  static redisReplyObjectFunctions* callbacks();
  void start_reader();
  void shrink();
  void check_pending();
  [[noreturn]] static void reject(const std::string& reason);

  std::unique_ptr<Request, Deleter> request_;
  std::unique_ptr<redisReader, Deleter> reader_;
  Bytes pending_;
};

}  // namespace faasnap::store
