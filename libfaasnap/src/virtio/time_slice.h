// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "base/deadline.h"
#include "virtio/device_limits.h"

namespace faasnap::virtio {

// The time for which a device works on its queues at a stretch. The guest decides how much work a
// chain is and how many there are; callers that pause or stop the VM wait for this long and for one
// chain.
class TimeSlice {
 public:
  explicit TimeSlice(DeviceLimits& limits) noexcept
      : limits_(limits), end_(limits.allowed.device_slice) {}

  bool over() const noexcept { return end_.passed(); }
  // Returns the same at the end of the work, and counts a slice that was used up.
  bool used_up() noexcept {
    const bool over_now = over();
    limits_.slices += over_now ? 1 : 0;
    return over_now;
  }

 private:
  DeviceLimits& limits_;
  base::Deadline end_;
};

}  // namespace faasnap::virtio
