// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

namespace faasnap::bench {

// Bursts of one kind: the same function, number of VMs and setting, from one snapshot or from
// copies.
struct BurstSummary {
  std::string function;
  bool same = true;
  std::uint64_t parallelism = 1;
  std::string setting;
  // Median time of a whole burst over the repeats, in ms.
  double burst = 0;
  // Median and longest time over all invocations, in ms.
  double median = 0;
  double longest = 0;
  // Median over the repeats of the proportional memory of all VMs together, in bytes.
  double proportional = 0;
};

// Summarizes records of bursts (docs/reference/results-format.md), in order of their first
// occurrence.
std::vector<BurstSummary> summarize_bursts(std::span<const nlohmann::json> records);
void print_table(std::span<const BurstSummary> bursts);

}  // namespace faasnap::bench
