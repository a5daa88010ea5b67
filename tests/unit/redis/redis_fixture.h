// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <faasnap/redis_options.h>

#include "support/support.h"

namespace faasnap::test {

// Debian's Redis server on a Unix socket in a directory of its own. It keeps nothing on disk and
// ends with this object. Skips the test if there is no server.
class RedisServer {
 public:
  // More options for its command line, for example {"--requirepass", "secret"}.
  explicit RedisServer(std::vector<std::string> options = {});
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  // Returns options to connect to it, with timeouts of a second.
  RedisOptions options() const;
  std::filesystem::path directory() const { return scratch_.path(); }

  void stop();
  void start();
  // After freeze() the server accepts connections but neither reads nor answers, until thaw().
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
