// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace platform {

// When to try again. Plain arithmetic.

// Returns the pause before the repetition `attempt`, the first being 1, of an asynchronous
// invocation: `first`, doubled each time, one hour at most. Counter: event_retries_total.
constexpr std::chrono::seconds pause_before_retry(unsigned attempt, std::chrono::seconds first) {
  constexpr std::chrono::seconds kLongest{3600};
  std::chrono::seconds pause = std::min(first, kLongest);
  for (unsigned i = 1; i < attempt && pause < kLongest; ++i) {
    pause = std::min(2 * pause, kLongest);
  }
  return pause;
}

// Returns what Retry-After says to a client that is turned away: the time in which those that wait
// are served if each takes `typical` and `parallel` run at a time; 1 to 30 seconds. Counter:
// throttled_total{limit}.
constexpr std::chrono::seconds retry_after(std::size_t waiting, unsigned parallel,
                                           std::chrono::nanoseconds typical) {
  const auto total = typical * static_cast<std::int64_t>(waiting + 1) / std::max(parallel, 1U);
  const auto rounded = std::chrono::ceil<std::chrono::seconds>(total);
  return std::clamp(rounded, std::chrono::seconds(1), std::chrono::seconds(30));
}

// Recordings of one revision that may fail before it is left to boot each time. Counter:
// recordings_total{result}.
inline constexpr unsigned kMostRecordingFailures = 3;

}  // namespace platform
