// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <thread>

#include "artifact/api.h"
#include "base/config.h"
#include "functions/images.h"
#include "functions/invoker.h"
#include "functions/machine.h"
#include "http/server.h"

namespace platform::artifact {

// Where a listener listens.
struct Address {
  std::string host;
  int port = 0;
};

// Throws std::runtime_error that names the key unless `text` is "HOST:PORT".
Address parse_address(const std::string& text);

// The artifact's interface on a port of its own: its paths /ui and /metrics are not the platform's.
class Listener {
 public:
  // Binds to ArtifactPolicy::listen. Throws std::runtime_error.
  Listener(const Config& config, const Images& images, MachineMaker& maker, Invoker& invoker);
  // Ends every VM of this interface, and then the server.
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Begins to serve, on threads of its own.
  void start() { thread_ = server_.start(); }

 private:
  Api api_;
  http::Server server_;
  std::thread thread_;
};

}  // namespace platform::artifact
