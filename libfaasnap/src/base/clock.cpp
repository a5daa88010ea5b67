// SPDX-License-Identifier: Apache-2.0

#include "base/clock.h"

#include <ctime>

namespace faasnap::base {
namespace {

Nanoseconds read_clock(clockid_t clock) noexcept {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::chrono::seconds(now.tv_sec) + Nanoseconds(now.tv_nsec);
}

}  // namespace

Nanoseconds monotonic_now() noexcept { return read_clock(CLOCK_MONOTONIC); }

Nanoseconds from_now(Nanoseconds time) noexcept {
  const Nanoseconds now = monotonic_now();
  return time > kForever - now ? kForever : now + time;
}

Nanoseconds realtime_now() noexcept { return read_clock(CLOCK_REALTIME); }

}  // namespace faasnap::base
