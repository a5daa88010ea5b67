// SPDX-License-Identifier: Apache-2.0

#include "base/log_limiter.h"

#include <fmt/format.h>

#include <utility>

#include "base/clock.h"

namespace faasnap::base {

LogLimiter::LogLimiter(const LogLimits& limits) noexcept
    : lines_(limits.per_second, limits.burst) {}

void LogLimiter::write(const LogSink& sink, LogLevel level, std::string_view text) {
  if (!sink) {
    return;
  }
  std::uint64_t before = 0;
  {
    const std::lock_guard lock(mutex_);
    if (!lines_.take(1, monotonic_now())) {
      ++dropping_;
      return;
    }
    before = std::exchange(dropping_, 0);
    dropped_ += before;
  }
  if (before != 0) {
    sink(LogLevel::warning,
         fmt::format("{} lines were dropped, as the guest caused too many", before));
  }
  sink(level, text);
}

std::uint64_t LogLimiter::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_ + dropping_;
}

}  // namespace faasnap::base
