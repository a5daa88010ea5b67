// SPDX-License-Identifier: Apache-2.0

#include "artifact/listener.h"

#include <fmt/format.h>

#include <stdexcept>
#include <string_view>

#include "base/log.h"
#include "base/number.h"

namespace platform::artifact {

Address parse_address(const std::string& text) {
  const auto colon = text.rfind(':');
  Address address;
  if (colon != std::string::npos && colon != 0) {
    address.host = text.substr(0, colon);
    if (address.host.starts_with('[') && address.host.ends_with(']')) {
      address.host = address.host.substr(1, address.host.size() - 2);
    }
    const auto port = parse_number<int>(std::string_view(text).substr(colon + 1));
    if (port && *port >= 0 && *port <= 65'535) {
      address.port = *port;
      return address;
    }
  }
  throw std::runtime_error(fmt::format(
      "artifact.listen: '{:.100}', expected HOST:PORT, for example 127.0.0.1:8080", text));
}

namespace {

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

// Clients of the artifact know neither keys nor tokens.
void check_exposure(const Config& config, const Address& address) {
  const bool guarded = !config.access.keys.empty() || !config.access.tokens.empty();
  if (guarded && !is_loopback(address.host)) {
    throw std::runtime_error(fmt::format(
        "artifact.listen: '{:.100}', expected a loopback address, since requests to the artifact's "
        "interface need neither the keys nor the tokens of [auth]",
        config.artifact.listen));
  }
}

}  // namespace

Listener::Listener(const Config& config, const Images& images, MachineMaker& maker,
                   Invoker& invoker)
    : api_(config, images, maker, invoker) {
  const Address address = parse_address(config.artifact.listen);
  check_exposure(config, address);
  api_.serve(server_);
  const int port = server_.bind(address.host, address.port);
  log(LogLevel::info,
      fmt::format("serves the artifact's interface on {} port {}", address.host, port));
}

Listener::~Listener() {
  if (thread_.joinable()) {
    api_.close();
    server_.end();
    thread_.join();
  }
}

}  // namespace platform::artifact
