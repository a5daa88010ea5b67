// SPDX-License-Identifier: Apache-2.0

#include "redis/address.h"

#include <string_view>

#include "base/error.h"
#include "base/text.h"

namespace faasnap::redis {
namespace {

constexpr int kMaximumPort = 65535;

[[noreturn]] void reject_address(const std::string& text) {
  base::fail(ErrorKind::invalid_argument, "connect to Redis", text,
             "expected HOST:PORT or the path of a Unix socket");
}

}  // namespace

Address parse_address(const std::string& text) {
  if (text.find('/') != std::string::npos) {
    return {{}, 0, text};
  }
  const auto colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) {
    reject_address(text);
  }
  const auto port = base::parse_number<int>(std::string_view(text).substr(colon + 1));
  if (!port || *port < 1 || *port > kMaximumPort) {
    reject_address(text);
  }
  std::string host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string::npos) {
    reject_address(text);
  }
  if (host.empty()) {
    reject_address(text);
  }
  return {host, *port, {}};
}

}  // namespace faasnap::redis
