// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

#include "replay/trace/trace.h"

namespace faasnap::bench {

// The shape of a trace that no function made. The defaults are those of a small Python function in
// a guest of 1 GiB; docs/results/performance.md calls it the synthetic trace.
struct SyntheticShape {
  std::uint64_t pages = 262144;
  // Number of non-zero pages in the image, and of their runs.
  std::uint64_t nonzero_pages = 91750;
  std::uint64_t nonzero_runs = 2832;
  // Touched pages with data and their placement, in runs within regions. The runs of one region are
  // less than `merge_gap` pages apart, `inner_gap_pages` in all; regions are farther apart.
  std::uint64_t touched_pages = 6000;
  std::uint64_t touched_runs = 1196;
  std::uint64_t regions = 328;
  std::uint64_t inner_gap_pages = 1219;
  std::uint64_t merge_gap = 32;
  // Touched zero pages and the number of their runs. They are written; pages with data are read.
  std::uint64_t zero_pages = 4000;
  std::uint64_t zero_runs = 400;
  std::uint64_t seed = 1;
};

// Returns the same trace for the same shape on every machine. Gaps are all 0. Throws
// std::invalid_argument for an impossible shape, or one so crowded that no placement was found.
Trace make_synthetic_trace(const SyntheticShape& shape = {});

}  // namespace faasnap::bench
