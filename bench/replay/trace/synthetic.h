#pragma once

#include <cstdint>

#include "replay/trace/trace.h"

namespace faasnap::bench {

// The shape of a trace that no function made. The defaults are those of a small Python function in
// a guest of 1 GiB, and what docs/results/performance.md calls the synthetic trace.
struct SyntheticShape {
  std::uint64_t pages = 262144;
  // Pages of the image that are not zero, and the runs in which they lie.
  std::uint64_t nonzero_pages = 91750;
  std::uint64_t nonzero_runs = 2832;
  // Pages with data that are touched, and how they lie: in runs, these in regions. Runs of one
  // region are less than `merge_gap` pages apart, `inner_gap_pages` in all; regions are not.
  std::uint64_t touched_pages = 6000;
  std::uint64_t touched_runs = 1196;
  std::uint64_t regions = 328;
  std::uint64_t inner_gap_pages = 1219;
  std::uint64_t merge_gap = 32;
  // Zero pages that are touched, and in how many runs. They are written; pages with data are read.
  std::uint64_t zero_pages = 4000;
  std::uint64_t zero_runs = 400;
  std::uint64_t seed = 1;
};

// The same trace for the same shape, anywhere. Gaps are all 0. Throws std::invalid_argument for a
// shape that no trace can have, or that is so crowded that none was found.
Trace make_synthetic_trace(const SyntheticShape& shape = {});

}  // namespace faasnap::bench
