// SPDX-License-Identifier: Apache-2.0

#include "base/token_bucket.h"

#include <algorithm>

namespace faasnap::base {
namespace {

// Longer than any process runs, and small enough for sums.
constexpr Nanoseconds kLongest = std::chrono::hours(24 * 365 * 100);

}  // namespace

TokenBucket::TokenBucket(std::uint64_t rate, std::uint64_t burst) noexcept
    : nanoseconds_each_(1e9 / static_cast<double>(std::max<std::uint64_t>(rate, 1))),
      full_(time_of(burst)),
      empty_at_(-full_) {}

Nanoseconds TokenBucket::time_of(std::uint64_t count) const noexcept {
  const double time = static_cast<double>(count) * nanoseconds_each_;
  return time < static_cast<double>(kLongest.count())
             ? Nanoseconds(static_cast<Nanoseconds::rep>(time))
             : kLongest;
}

Nanoseconds TokenBucket::empty_after(std::uint64_t count, Nanoseconds now) const noexcept {
  return std::min(std::max(empty_at_, now - full_) + time_of(count), now + kLongest);
}

bool TokenBucket::holds(std::uint64_t count, Nanoseconds now) const noexcept {
  return empty_after(count, now) <= now;
}

bool TokenBucket::take(std::uint64_t count, Nanoseconds now) noexcept {
  if (!holds(count, now)) {
    return false;
  }
  empty_at_ = empty_after(count, now);
  return true;
}

Nanoseconds TokenBucket::borrow(std::uint64_t count, Nanoseconds now) noexcept {
  empty_at_ = empty_after(count, now);
  return std::max(empty_at_ - now, Nanoseconds(0));
}

}  // namespace faasnap::base
