#pragma once

#include <string>

namespace faasnap::redis {

// Where a Redis server is.
struct RedisAddress {
  // Name or number; empty for a Unix socket.
  std::string host;
  int port = 0;
  std::string socket;
};

// HOST:PORT, [IPv6]:PORT or the path of a Unix socket, which has a '/'. Throws
// ErrorKind::invalid_argument for anything else.
RedisAddress parse_redis_address(const std::string& text);

}  // namespace faasnap::redis
