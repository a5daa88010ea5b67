#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/program.h"
#include "replay/experiment.h"

namespace faasnap::bench {

// What is replayed, by the options that all programs that replay have.
struct ReplayOptions {
  // Names of traces, or files; with `changed`, of functions.
  std::vector<std::string> traces{};
  // Empty: what suits the trace.
  std::vector<Compute> computes{};
  LoadingSetThresholds thresholds{};
  unsigned repeat = 7;
  std::uint64_t unpredicted = 0;
  bool changed = false;
  std::filesystem::path directory{};
};

void add_replay_options(CommandLine& line);
// Both throw UsageError for what cannot be.
ReplayOptions replay_options(const CommandLine& line);
Setting replayed_setting(const std::string& name);

// The trace that `name` stands for: "synthetic", one of bench/traces, or a file.
Trace find_trace(const std::string& name);
// The functions that bench/traces has traces of.
std::vector<std::string> traced_functions();

// What is replayed for one of `options.traces`; `ways` are the caller's to fill in.
Experiment make_experiment(const ReplayOptions& options, const std::string& trace);

// Returns the computes asked for; else as recorded, or 0, 20 and 100 ms for a trace without gaps.
std::vector<Compute> computes_for(const ReplayOptions& options, const Trace& trace);

}  // namespace faasnap::bench
