#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

namespace faasnap::bench {

// Bursts of one kind: a function, from one snapshot or copies, so many VMs, one setting.
struct BurstSummary {
  std::string function;
  bool same = true;
  std::uint64_t parallelism = 1;
  std::string setting;
  // Over the repeats: the median time of the burst as a whole, in ms.
  double burst = 0;
  // Over all invocations: the median and the longest, in ms.
  double median = 0;
  double longest = 0;
  // Over the repeats: the median of the proportional memory of all VMs together, in bytes.
  double proportional = 0;
};

// Of the records of bursts (docs/reference/results-format.md), in the order in which they first
// occur.
std::vector<BurstSummary> summarize_bursts(std::span<const nlohmann::json> records);
void print_table(std::span<const BurstSummary> bursts);

}  // namespace faasnap::bench
