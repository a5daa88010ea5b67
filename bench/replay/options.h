// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/program.h"
#include "replay/experiment.h"

namespace faasnap::bench {

// The traces and ways to replay, from the options that all replaying programs have.
struct ReplayOptions {
  // Names of traces, or files; names of functions if `changed`.
  std::vector<std::string> traces{};
  // Empty: the default for the trace.
  std::vector<Compute> computes{};
  LoadingSetThresholds thresholds{};
  ReplayBase base{};
  unsigned repeat = 7;
  std::uint64_t unpredicted = 0;
  bool changed = false;
  std::filesystem::path directory{};
};

void add_replay_options(CommandLine& line);
// Both throw UsageError for invalid options.
ReplayOptions replay_options(const CommandLine& line);
tools::Origin replayed_origin(const std::string& name);

// Returns the trace of that name: "synthetic", one of bench/traces, or a file.
Trace find_trace(const std::string& name);
// Returns the functions that have traces in bench/traces.
std::vector<std::string> traced_functions();

// Returns the experiment for one of `options.traces`, without `ways`, which the caller fills in.
Experiment make_experiment(const ReplayOptions& options, const std::string& trace);

// Returns the computes that were asked for; by default as recorded, or 0, 20 and 100 ms for a trace
// without gaps.
std::vector<Compute> computes_for(const ReplayOptions& options, const Trace& trace);

}  // namespace faasnap::bench
