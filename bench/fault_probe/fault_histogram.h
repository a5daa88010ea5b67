// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

namespace faasnap::bench {

// Calls of a kernel function that took from `from` up to `to` nanoseconds.
struct FaultBucket {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  std::uint64_t count = 0;
  bool operator==(const FaultBucket&) const = default;
};

// Sorted by time.
using FaultHistogram = std::vector<FaultBucket>;

// Parses the kernel's text of a histogram whose only key is the logarithm to base 2
// (Documentation/trace/histogram.rst). Throws std::runtime_error for any other text.
FaultHistogram parse_histogram(std::string_view text);

std::uint64_t count(const FaultHistogram& histogram);
// Returns the time in nanoseconds that at least `fraction` of the calls did not exceed, rounded up
// to the end of its bucket; 0 if there are no calls.
std::uint64_t quantile(const FaultHistogram& histogram, double fraction);

// Convert to a field of a results file, and back (docs/reference/results-format.md).
nlohmann::json to_json(const FaultHistogram& histogram);
FaultHistogram histogram_of(const nlohmann::json& buckets);
// Returns the sum over several invocations.
FaultHistogram sum(const std::vector<FaultHistogram>& histograms);

}  // namespace faasnap::bench
