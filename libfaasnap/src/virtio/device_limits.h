// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>

#include <faasnap/guest_limits.h>

namespace faasnap::virtio {

// What the devices of one VM may spend on their guest, and how often they have met a limit. The
// devices count on the loop's thread; any thread may read.
struct DeviceLimits {
  const GuestLimits allowed{};

  std::atomic<std::uint64_t> refused_connections = 0;
  std::atomic<std::uint64_t> dropped_connections = 0;
  std::atomic<std::uint64_t> delayed_reads = 0;
  std::atomic<std::uint64_t> network_waits = 0;
  std::atomic<std::uint64_t> disk_waits = 0;
  std::atomic<std::uint64_t> slices = 0;  // that were used up
};

}  // namespace faasnap::virtio
