// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace faasnap::bench {

// The speed of a device.
struct LinkSpeed {
  // Time from a request to its answer if nothing else is outstanding.
  std::chrono::nanoseconds latency{};
  // Maximum bytes and requests per second; both positive.
  double bytes = 0;
  double requests = 0;

  // Returns the speed as a processor sees it that is `times` as slow.
  LinkSpeed slower(double times) const;
  // Returns a text such as "1 ms, 125 MiB/s, 3000 IOPS", each number with three digits.
  std::string figures() const;
};

// Computes when requests are answered: one latency after their bytes have passed. Bytes pass one
// request after the other, and no more requests begin per second than the speed allows. For one
// thread.
class Link {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Link(const LinkSpeed& speed) : speed_(speed) {}

  // Must be called for requests in the order of their arrival.
  Clock::time_point answer(Clock::time_point arrival, std::uint64_t bytes);

 private:
  LinkSpeed speed_;
  Clock::time_point free_{};
};

}  // namespace faasnap::bench
