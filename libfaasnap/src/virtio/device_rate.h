// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <faasnap/units.h>

#include "base/token_bucket.h"

namespace faasnap::virtio {

// The rate of what a device carries, in bytes and in items: packets of a network, requests to a
// disk. An item passes when the debts of those before it are paid.
class DeviceRate {
 public:
  // How much may pass in a second, and how much at once after a silence.
  struct Flow {
    std::uint64_t per_second = 0;
    std::uint64_t burst = 0;
  };

  DeviceRate(Flow bytes, Flow items) noexcept
      : bytes_(bytes.per_second, bytes.burst), items_(items.per_second, items.burst) {}

  // Returns how long the next item has to wait.
  Nanoseconds wait(Nanoseconds now) noexcept {
    const Nanoseconds time = std::max(bytes_.borrow(0, now), items_.borrow(0, now));
    waiting_ = time > Nanoseconds(0);
    return time;
  }
  // True if that was not 0 when it was asked for last.
  bool waiting() const noexcept { return waiting_; }
  // Counts an item of `size` bytes that has passed.
  void count(std::size_t size, Nanoseconds now) noexcept {
    bytes_.borrow(size, now);
    items_.borrow(1, now);
  }

 private:
  base::TokenBucket bytes_;
  base::TokenBucket items_;
  bool waiting_ = false;
};

}  // namespace faasnap::virtio
