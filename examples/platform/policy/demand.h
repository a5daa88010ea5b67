// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <deque>

namespace platform {

// How many VMs of a function to keep prepared: as many as start while one is replaced, and one
// more, by the starts of the last minute; none if there were none. Counter: vm_starts_total{start}.
// For one thread at a time.
class Demand {
 public:
  using Clock = std::chrono::steady_clock;

  static constexpr std::chrono::seconds kWindow{60};
  // Time in which a prepared VM that was taken is replaced, generously.
  static constexpr std::chrono::seconds kReplacement{1};

  void start(Clock::time_point now);
  unsigned target(Clock::time_point now, unsigned most);

 private:
  void forget(Clock::time_point now);

  std::deque<Clock::time_point> starts_;
};

}  // namespace platform
