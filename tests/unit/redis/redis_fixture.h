#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <faasnap/redis_options.h>

#include "support/support.h"

namespace faasnap::test {

// Debian's Redis server on a Unix socket in a directory of its own; it keeps nothing on disk and
// ends with this object. The test is skipped where there is none.
class RedisServer {
 public:
  // More options for its command line, for example {"--requirepass", "secret"}.
  explicit RedisServer(std::vector<std::string> options = {});
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  // How to reach it, with a second's patience.
  RedisOptions options() const;
  std::filesystem::path directory() const { return scratch_.path(); }

  void stop();
  void start();
  // In between it accepts connections, and neither reads nor answers.
  void freeze() const;
  void thaw() const;

 private:
  std::filesystem::path socket() const { return scratch_.path() / "redis"; }
  bool accepts_connections() const;

  ScratchDirectory scratch_;
  std::vector<std::string> options_;
  pid_t process_ = -1;
};

}  // namespace faasnap::test
