// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

#include "replay/experiment.h"

namespace faasnap::bench {

// The summary of the samples of one way.
struct Summary {
  ReplayWay way{};
  double prepare = 0, start = 0, total = 0;  // medians, ms
  double least = 0, lower = 0, upper = 0;    // of the total: minimum and quartiles
  // Median over the rounds of the ratio of the total to that of `cached` in the same round,
  // prepared alike if possible; 0 without `cached`.
  double ratio = 0;
  double minor = 0, major = 0, uffd = 0, mappings = 0;  // medians
  double read = 0, resident = 0, proportional = 0;      // medians, MiB
};

// In the order of `ways`.
std::vector<Summary> summarize(const Samples& samples, const std::vector<ReplayWay>& ways);

nlohmann::json to_json(const Summary& summary);

std::string table_head();
std::string table_row(const Summary& summary);

// Returns "recorded", or the milliseconds in all.
std::string describe(const Compute& compute);

}  // namespace faasnap::bench
