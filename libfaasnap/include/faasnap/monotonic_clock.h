// SPDX-License-Identifier: Apache-2.0

#pragma once

namespace faasnap {

// How a restored guest's monotonic clock (CLOCK_MONOTONIC), by which its timers run, goes on. Its
// wall clock is a matter of its own: with each invocation the guest's agent sets it right, but for
// the time that the request takes to get there.
enum class MonotonicClock {
  // From where it stood when the snapshot was made, as if the guest had been paused: no timer is
  // overdue, however old the snapshot is. A guest without the agent must set its wall clock itself.
  continued,
  // From there, plus the time since the snapshot by the hosts' wall clocks, and with it the guest's
  // wall clock. Every timer that is due by then fires at the first instruction.
  advanced,
};

}  // namespace faasnap
