// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>

#include <faasnap/units.h>

#include "base/clock.h"

namespace faasnap::virtio {

// The time for which a device works on its queues at a stretch. The guest decides how much work a
// chain is and how many there are; callers that pause or stop the VM wait for this long and for one
// chain.
class TimeSlice {
 public:
  TimeSlice() noexcept : end_(base::monotonic_now() + kLength) {}
  bool over() const noexcept { return base::monotonic_now() >= end_; }

 private:
  static constexpr Nanoseconds kLength = std::chrono::milliseconds(2);

  Nanoseconds end_;
};

}  // namespace faasnap::virtio
