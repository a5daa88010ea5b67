// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "functions/options.h"
#include "harness/results.h"

namespace faasnap::bench {

// An invocation to measure.
struct Invocation {
  // Identifies the invocation in the experiment: point_of (functions/options.h), and the fields
  // that the experiment varies in addition.
  Point point;
  nlohmann::json input;
  Way way;
};

// A function recorded with one input, and the invocations from that snapshot, in this order.
struct Series {
  std::string function;
  nlohmann::json recorded_input;
  std::vector<Invocation> invocations;
};

// Returns a series for each function: recorded with its first declared input and invoked with its
// second, `options.repeat` times each way.
std::vector<Series> changed_input(const GuestOptions& options);

// Returns the record of one invocation from a snapshot. Throws if the invocation fails.
using Measure = std::function<nlohmann::json(const std::filesystem::path&, const Invocation&)>;
// Drops the snapshot's files from the page cache and returns the record of `faasnap invoke`.
nlohmann::json invoke_cold(const std::filesystem::path& snapshot, const Invocation& invocation);

// Records the function in the directory `snapshot`, which is replaced. Throws std::runtime_error.
void record_function(const std::string& function, const nlohmann::json& input,
                     const std::filesystem::path& snapshot);

// Runs all invocations that `results` lacks, one snapshot at a time in `directory`. Shows progress
// and the time left on a terminal. If an invocation fails, or its result differs from that of
// others with the same input, notes that in `results` and continues.
void run_series(const std::vector<Series>& series, const std::filesystem::path& directory,
                Results& results, const Measure& measure = invoke_cold);

}  // namespace faasnap::bench
