#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "replay/trace/trace.h"

namespace faasnap::bench {

// How much the replayed guest computes between its touches.
struct Compute {
  // Without a value as the trace has it; else this much in all, the same before every touch.
  std::optional<Nanoseconds> total{};
};

// One touch: before it, compute for `gap`; then read the page's word, or swap it for a marker.
struct Step {
  std::uint64_t expected = 0;
  PageIndex page{};
  Nanoseconds gap{0};
  bool write = false;
};

// The touches of a trace in order, ready to be played without further thought.
std::vector<Step> make_steps(const Trace& trace, const Compute& compute);

// What the playing thread went through.
struct Played {
  Nanoseconds duration{0};
  std::uint64_t minor_faults = 0;
  std::uint64_t major_faults = 0;
  // The touches that found something else than the image has.
  std::uint64_t wrong = 0;
};

// Plays in the place of a vCPU, on the calling thread. Gaps are passed by watching the clock, so
// that they take the CPU as a guest's own work does.
Played play(std::span<const Step> steps, std::span<std::byte> memory);

}  // namespace faasnap::bench
