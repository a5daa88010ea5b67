#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "json.h"

namespace faasnap::cli::report {

// A stretch of an invocation; `start` counts from the request. Nanoseconds.
struct SpanOfTime {
  std::string name;
  double start = 0;
  double duration = 0;
  std::map<std::string, std::string> tags;
};

// Faults that took from `from` up to `to` nanoseconds.
struct FaultBucket {
  double from = 0;
  double to = 0;
  double count = 0;
};

// One invocation, by a line of a results file (docs/results-format.md). Times in nanoseconds,
// memory in bytes.
struct Measurement {
  std::string experiment;
  std::string function;
  std::string setting;
  bool prepared = false;
  std::optional<std::uint64_t> merge_gap;
  std::string input_name;
  std::optional<double> input_size;
  std::string disk;
  std::optional<double> compute_ms;
  std::uint64_t parallelism = 1;
  bool same = true;
  std::uint64_t instance = 0;
  std::optional<std::uint64_t> repeat;

  bool failed = false;
  std::string error;

  double setup = 0;
  double invoke = 0;
  double total = 0;
  double major_faults = 0;
  double minor_faults = 0;
  double uffd_faults = 0;
  double read_bytes = 0;
  double resident = 0;
  double proportional = 0;
  std::string accelerator;
  std::vector<SpanOfTime> spans;
  std::vector<FaultBucket> fault_buckets;

  // Which of the conditions it was measured under; nothing when none preceded it.
  std::optional<std::size_t> conditions;
};

// The setting, the merge gap of its loading set where that was chosen, and that the VM was
// prepared.
std::string setting_label(const Measurement& measurement);

// From a line that tells of an invocation. Throws std::invalid_argument that names the field.
Measurement parse_measurement(const Json& line);

}  // namespace faasnap::cli::report
