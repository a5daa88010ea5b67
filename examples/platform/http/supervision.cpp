// SPDX-License-Identifier: Apache-2.0

#include "http/supervision.h"

#include <systemd/sd-daemon.h>

#include <chrono>
#include <stdexcept>

#include "base/pause.h"

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
      std::jthread([alive = std::move(alive), time = std::chrono::microseconds(microseconds / 2)](
                       const std::stop_token& stop) {
        do {
          if (alive()) {
            ::sd_notify(0, "WATCHDOG=1");
          }
        } while (pause(stop, time));
      });
}

Supervision::~Supervision() { ::sd_notify(0, "STOPPING=1"); }

}  // namespace platform::http
