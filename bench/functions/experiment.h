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
  // What tells it from the others of the experiment: point_of (functions/options.h), and whatever
  // the experiment varies besides.
  Point point;
  nlohmann::json input;
  Way way;
};

// A function recorded with one input, and what is invoked from that snapshot, in this order.
struct Series {
  std::string function;
  nlohmann::json recorded_input;
  std::vector<Invocation> invocations;
};

// Each function recorded with its first declared input and invoked with its second,
// `options.repeat` times each way.
std::vector<Series> changed_input(const GuestOptions& options);

// Makes the record of one invocation from a snapshot; throws what went wrong.
using Measure = std::function<nlohmann::json(const std::filesystem::path&, const Invocation&)>;
// The record of `faasnap invoke`, with the snapshot's files dropped from the page cache before.
nlohmann::json invoke_cold(const std::filesystem::path& snapshot, const Invocation& invocation);

// Records the function in the directory `snapshot`, in the place of what is there. Throws
// std::runtime_error.
void record_function(const std::string& function, const nlohmann::json& input,
                     const std::filesystem::path& snapshot);

// Runs what `results` lacks of all series, one snapshot at a time in `directory`; shows progress
// and the time left on a terminal. An invocation that fails is noted in `results`, and the rest
// goes on; so is one whose result is not the one that the others with the same input had.
void run_series(const std::vector<Series>& series, const std::filesystem::path& directory,
                Results& results, const Measure& measure = invoke_cold);

}  // namespace faasnap::bench
