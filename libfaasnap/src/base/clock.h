#pragma once

#include <faasnap/units.h>

namespace faasnap::base {

// CLOCK_MONOTONIC: for durations.
Nanoseconds monotonic_now() noexcept;

// CLOCK_REALTIME: nanoseconds since the Unix epoch.
Nanoseconds realtime_now() noexcept;

}  // namespace faasnap::base
