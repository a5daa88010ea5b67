// SPDX-License-Identifier: Apache-2.0

#include "http/connections.h"

#include <thread>
#include <utility>

namespace platform::http {

void Connections::enqueue(std::function<void()> serve) {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return open_ < kMost; });
  ++open_;
  std::thread([this, serve = std::move(serve)] {
    serve();
    // Notified under the lock: this object may be destroyed as soon as it is free.
    const std::lock_guard ending(mutex_);
    --open_;
    ended_.notify_all();
  }).detach();
}

void Connections::shutdown() {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return open_ == 0; });
}

}  // namespace platform::http
