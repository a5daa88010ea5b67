// SPDX-License-Identifier: Apache-2.0

#include "policy/demand.h"

#include <algorithm>

namespace platform {

void Demand::start(Clock::time_point now) {
  forget(now);
  starts_.push_back(now);
}

unsigned Demand::target(Clock::time_point now, unsigned most) {
  forget(now);
  if (starts_.empty()) {
    return 0;
  }
  // By Little's law, rounded up.
  const auto replaced = (starts_.size() * kReplacement.count() + kWindow.count() - 1) /
                        static_cast<std::size_t>(kWindow.count());
  return static_cast<unsigned>(std::min<std::size_t>(replaced + 1, most));
}

void Demand::forget(Clock::time_point now) {
  while (!starts_.empty() && starts_.front() <= now - kWindow) {
    starts_.pop_front();
  }
}

}  // namespace platform
