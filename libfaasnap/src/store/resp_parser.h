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
// what it makes the parser hold is bounded by the limits below, and a length is checked when it is
// declared, before its bytes are taken.
class RespParser {
 public:
  // Arguments of a request.
  static constexpr std::size_t kMaximumArguments = 1024;
  // Bytes of all arguments of a request but one.
  static constexpr Bytes kMaximumSmall = 1_MiB;
  // Bytes of the largest argument.
  static constexpr Bytes kMaximumLarge = 512_MiB;

  RespParser();

  // Takes bytes as they come in; at most kFeed at once.
  static constexpr std::size_t kFeed = 64 << 10;
  void feed(std::span<const std::byte> data);
  // The next request that is complete: its arguments, the command's name first; never empty. Throws
  // ErrorKind::corrupt when the bytes are no request or exceed a limit; the parser is useless then.
  std::optional<std::vector<std::string>> next();
  // Length of the argument that next() found incomplete, as declared; 0 when there is none.
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
