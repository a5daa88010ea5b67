// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "replay/trace/trace.h"

namespace faasnap::bench {

// How long the replayed guest computes between its touches.
struct Compute {
  // Empty: as in the trace. Otherwise the total, divided evenly over the touches.
  std::optional<Nanoseconds> total{};
};

// One touch: compute for `gap`, then read the page's word, or swap it for a marker.
struct Step {
  std::uint64_t expected = 0;
  PageIndex page{};
  Nanoseconds gap{0};
  bool write = false;
};

// Returns the touches of a trace in order, ready to be played.
std::vector<Step> make_steps(const Trace& trace, const Compute& compute);

// Results of the playing thread.
struct Played {
  Nanoseconds duration{0};
  std::uint64_t minor_faults = 0;
  std::uint64_t major_faults = 0;
  // Number of touches that found other data than the image's.
  std::uint64_t wrong = 0;
};

// Plays in place of a vCPU, on the calling thread. Passes gaps by watching the clock, so that they
// use the CPU as a guest's own work does.
Played play(std::span<const Step> steps, std::span<std::byte> memory);

}  // namespace faasnap::bench
