// SPDX-License-Identifier: Apache-2.0

#include "base/pause.h"

#include <condition_variable>
#include <mutex>

namespace platform {

bool pause(const std::stop_token& stop, std::chrono::microseconds time) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace platform
