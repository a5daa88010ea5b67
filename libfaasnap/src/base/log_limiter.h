// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <mutex>
#include <string_view>

#include <faasnap/guest_limits.h>
#include <faasnap/log.h>

#include "base/token_bucket.h"

namespace faasnap::base {

// Lets through what a guest may make the library log. Safe from any thread.
class LogLimiter {
 public:
  explicit LogLimiter(const LogLimits& limits) noexcept;

  // Hands the line to the sink, after a line that says how many were dropped before it; or drops
  // it.
  void write(const LogSink& sink, LogLevel level, std::string_view text);
  // Number of lines that were dropped so far.
  std::uint64_t dropped() const;

 private:
  mutable std::mutex mutex_;
  TokenBucket lines_;
  // Lines dropped since one was let through, and before.
  std::uint64_t dropping_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace faasnap::base
