// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

#include <faasnap/units.h>

namespace faasnap::base {

// A rate with a burst: tokens come at `rate` a second, and as many as `burst` are kept. The caller
// says what time it is, by any clock that never goes back. For one thread at a time.
class TokenBucket {
 public:
  // Starts full. A rate of 0 counts as 1.
  TokenBucket(std::uint64_t rate, std::uint64_t burst) noexcept;

  // Takes `count` tokens, or none and returns false if there are fewer.
  bool take(std::uint64_t count, Nanoseconds now) noexcept;
  // True if there are at least `count` tokens.
  bool holds(std::uint64_t count, Nanoseconds now) const noexcept;
  // Takes `count` tokens, which may be more than there are, and returns how long it takes until the
  // debt is paid; 0 if there is none.
  Nanoseconds borrow(std::uint64_t count, Nanoseconds now) noexcept;

 private:
  // Returns the time in which `count` tokens come.
  Nanoseconds time_of(std::uint64_t count) const noexcept;
  // Returns when the bucket would have been empty if `count` more tokens had been taken by now.
  Nanoseconds empty_after(std::uint64_t count, Nanoseconds now) const noexcept;

  double nanoseconds_each_;
  Nanoseconds full_;
  // When the bucket is, or was, empty: it holds what has come since.
  Nanoseconds empty_at_;
};

}  // namespace faasnap::base
