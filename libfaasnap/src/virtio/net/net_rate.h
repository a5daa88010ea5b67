// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <faasnap/guest_limits.h>

#include "base/token_bucket.h"

namespace faasnap::virtio {

// The rate of one direction of a network device: a packet passes when the debts of those before it
// are paid.
class NetRate {
 public:
  explicit NetRate(const NetworkRate& rate) noexcept
      : bytes_(rate.bytes_per_second.value, rate.byte_burst.value),
        packets_(rate.packets_per_second, rate.packet_burst) {}

  // Returns how long the next packet has to wait.
  Nanoseconds wait(Nanoseconds now) noexcept {
    const Nanoseconds time = std::max(bytes_.borrow(0, now), packets_.borrow(0, now));
    waiting_ = time > Nanoseconds(0);
    return time;
  }
  // True if that was not 0 when it was asked for last.
  bool waiting() const noexcept { return waiting_; }
  // Counts a packet of `size` bytes that has passed.
  void count(std::size_t size, Nanoseconds now) noexcept {
    bytes_.borrow(size, now);
    packets_.borrow(1, now);
  }

 private:
  base::TokenBucket bytes_;
  base::TokenBucket packets_;
  bool waiting_ = false;
};

}  // namespace faasnap::virtio
