// SPDX-License-Identifier: Apache-2.0

#include "http/supervision.h"

#include <systemd/sd-daemon.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stdexcept>

namespace platform::http {

std::optional<int> activation_socket() {
  const int sockets = ::sd_listen_fds(1);
  if (sockets > 1) {
    throw std::runtime_error("systemd gives more than one socket, expected one");
  }
  return sockets == 1 ? std::optional(SD_LISTEN_FDS_START) : std::nullopt;
}

Supervision::Supervision(std::function<bool()> alive) {
  ::sd_notify(0, "READY=1");
  std::uint64_t microseconds = 0;
  if (::sd_watchdog_enabled(0, &microseconds) <= 0) {
    return;
  }
  // Half of the time, as sd_watchdog_enabled(3) advises.
  thread_ =
      std::jthread([alive = std::move(alive), pause = std::chrono::microseconds(microseconds / 2)](
                       const std::stop_token& stop) {
        std::mutex mutex;
        std::condition_variable_any ended;
        std::unique_lock lock(mutex);
        while (!stop.stop_requested()) {
          if (alive()) {
            ::sd_notify(0, "WATCHDOG=1");
          }
          ended.wait_for(lock, stop, pause, [] { return false; });
        }
      });
}

Supervision::~Supervision() { ::sd_notify(0, "STOPPING=1"); }

}  // namespace platform::http
