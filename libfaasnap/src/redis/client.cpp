// SPDX-License-Identifier: Apache-2.0

#include "redis/client.h"

#include <faasnap/error.h>

#include "base/progress.h"

namespace faasnap::redis {

void Client::run(const Work& work, const std::stop_token& stop) {
  const auto check_stop = [&] { base::check_not_stopped(stop, "ask Redis", options_.address); };
  check_stop();
  std::unique_ptr<Connection> connection = take_idle();
  if (!connection) {
    connection = std::make_unique<Connection>(options_);
  }
  try {
    const std::stop_callback interrupt(stop, [&] { connection->interrupt(); });
    work(*connection);
  } catch (const Error&) {
    check_stop();
    throw;
  }
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(connection));
}

// Returns null if there is no usable connection.
std::unique_ptr<Connection> Client::take_idle() {
  for (;;) {
    std::unique_ptr<Connection> connection;
    {
      const std::lock_guard lock(mutex_);
      if (idle_.empty()) {
        return nullptr;
      }
      connection = std::move(idle_.back());
      idle_.pop_back();
    }
    if (connection->usable()) {
      return connection;
    }
  }
}

}  // namespace faasnap::redis
