// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

namespace faasnap::redis {

// Where a Redis server is: a host and a port, or a Unix socket.
struct Address {
  // Host name or IP address. Empty for a Unix socket.
  std::string host;
  int port = 0;
  // Path of the Unix socket.
  std::string socket;
};

// Parses HOST:PORT, [IPv6]:PORT, or the path of a Unix socket, which contains a '/'. Throws
// ErrorKind::invalid_argument for any other text.
Address parse_address(const std::string& text);

}  // namespace faasnap::redis
