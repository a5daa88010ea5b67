// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <string>

#include <faasnap/units.h>

namespace faasnap::base {

// The time limit of an operation of several steps; kForever means no limit.
class Deadline {
 public:
  explicit Deadline(Nanoseconds timeout) noexcept;

  // Returns the time left for the next step, kForever if there is no limit. Throws
  // ErrorKind::timeout with `operation` if none is left.
  Nanoseconds remaining(const std::string& operation) const;
  // Returns the same, but at most `limit`.
  Nanoseconds remaining_at_most(Nanoseconds limit, const std::string& operation) const;
  bool passed() const noexcept;
  // Returns when it has passed, for a wait_until of the standard library.
  std::chrono::steady_clock::time_point end() const noexcept {
    return std::chrono::steady_clock::time_point(end_);
  }

 private:
  Nanoseconds timeout_;
  Nanoseconds end_;
};

}  // namespace faasnap::base
