// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <thread>

namespace platform::http {

// What systemd gives a service that asks for it, and wants to hear from it. Without systemd nothing
// of it has an effect.

// Returns the socket that the service was activated with. Throws std::runtime_error if there are
// several.
std::optional<int> activation_socket();

// Tells systemd that the service is ready, sends its keep-alive messages (WatchdogSec=) while
// `alive` returns true, and tells it at the end that the service stops.
class Supervision {
 public:
  explicit Supervision(std::function<bool()> alive);
  ~Supervision();
  Supervision(const Supervision&) = delete;
  Supervision& operator=(const Supervision&) = delete;

 private:
  std::jthread thread_;
};

}  // namespace platform::http
