// SPDX-License-Identifier: Apache-2.0

#include "base/deadline.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "base/error.h"

namespace faasnap::base {

Deadline::Deadline(Nanoseconds timeout) noexcept
    : timeout_(std::max(timeout, Nanoseconds(0))), end_(from_now(timeout_)) {}

Nanoseconds Deadline::remaining(const std::string& operation) const {
  if (timeout_ == kForever) {
    return kForever;
  }
  const Nanoseconds left = end_ - base::monotonic_now();
  if (left <= Nanoseconds(0)) {
    base::fail(
        ErrorKind::timeout, operation, {},
        fmt::format("timed out after {:.3f} s", static_cast<double>(timeout_.count()) / 1e9));
  }
  return left;
}

bool Deadline::passed() const noexcept {
  return timeout_ != kForever && base::monotonic_now() >= end_;
}

Nanoseconds Deadline::remaining_at_most(Nanoseconds limit, const std::string& operation) const {
  return std::min(remaining(operation), limit);
}

}  // namespace faasnap::base
