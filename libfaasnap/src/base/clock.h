// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <faasnap/units.h>

namespace faasnap::base {

// Returns CLOCK_MONOTONIC, for durations.
Nanoseconds monotonic_now() noexcept;
// Returns when `time`, zero or more, will have passed on that clock; kForever if it never will.
Nanoseconds from_now(Nanoseconds time) noexcept;

// Returns CLOCK_REALTIME, in nanoseconds since the Unix epoch.
Nanoseconds realtime_now() noexcept;

}  // namespace faasnap::base
