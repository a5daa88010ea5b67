// SPDX-License-Identifier: Apache-2.0

#include <unistd.h>

#include <algorithm>

#include "replay/options.h"
#include "replay/trace/synthetic.h"
#include "replay/trace/trace_file.h"

namespace faasnap::bench {
namespace {

std::filesystem::path traces() { return FAASNAP_SOURCE_DIR "/bench/traces"; }

}  // namespace

Trace find_trace(const std::string& name) {
  if (name == "synthetic") {
    return make_synthetic_trace();
  }
  const auto kept = traces() / (name + ".trace");
  return load_trace(std::filesystem::exists(kept) ? kept : std::filesystem::path(name));
}

std::vector<std::string> traced_functions() {
  std::vector<std::string> functions;
  for (const auto& entry : std::filesystem::directory_iterator(traces())) {
    const std::string name = entry.path().filename().string();
    constexpr std::string_view kEnd = "-first.trace";
    if (name.ends_with(kEnd)) {
      functions.push_back(name.substr(0, name.size() - kEnd.size()));
    }
  }
  std::sort(functions.begin(), functions.end());
  return functions;
}

Experiment make_experiment(const ReplayOptions& options, const std::string& trace) {
  Experiment experiment;
  if (options.changed) {
    experiment.trace = find_trace(trace + "-second");
    experiment.recording = recording_of(find_trace(trace + "-first"), experiment.trace);
  } else {
    experiment.trace = find_trace(trace);
    experiment.recording = perfect_recording(experiment.trace, options.unpredicted);
  }
  experiment.thresholds = options.thresholds;
  experiment.base = options.base;
  experiment.repeat = options.repeat;
  experiment.directory = options.directory / std::to_string(::getpid());
  return experiment;
}

std::vector<Compute> computes_for(const ReplayOptions& options, const Trace& trace) {
  using std::chrono::milliseconds;
  if (!options.computes.empty()) {
    return options.computes;
  }
  const bool has_gaps = std::any_of(trace.accesses.begin(), trace.accesses.end(),
                                    [](const PageAccess& a) { return a.time > Nanoseconds(0); });
  if (has_gaps) {
    return {Compute{}};
  }
  return {{milliseconds(0)}, {milliseconds(20)}, {milliseconds(100)}};
}

}  // namespace faasnap::bench
