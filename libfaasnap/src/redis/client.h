// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <utility>
#include <vector>

#include <faasnap/redis_options.h>

#include "redis/connection.h"

namespace faasnap::redis {

// Runs work on a Redis server over as many connections as there is work at once. May be used from
// any thread.
class Client {
 public:
  using Work = std::function<void(Connection&)>;

  explicit Client(RedisOptions options) : options_(std::move(options)) {}

  // Runs `work` on a connection that is its own until it returns: an idle one if there is one, else
  // a new one. If `work` throws, the connection is closed, with whatever it was in the middle of.
  // If `stop` is requested, calls of the connection fail and run() throws ErrorKind::cancelled;
  // connecting is not interrupted.
  void run(const Work& work, const std::stop_token& stop = {});

 private:
  std::unique_ptr<Connection> take_idle();

  const RedisOptions options_;
  std::mutex mutex_;
  // Guarded by the mutex.
  std::vector<std::unique_ptr<Connection>> idle_;
};

}  // namespace faasnap::redis
