// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tools/json.h"

namespace faasnap::bench::report {

// A part of an invocation; `start` counts from the request. Nanoseconds.
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

// The quantities that an invocation may have besides its times; kAmountFields has their field
// names.
enum class Amount : std::size_t {
  major_faults,
  minor_faults,
  uffd_faults,
  read_bytes,
  read_pages,
  resident,
  proportional,
  cache,
  waiting,
  on_disk,
  device_reads,
  device_read_bytes,
  burst_time,
};
inline constexpr std::array kAmountFields{
    "vcpu_major_faults", "vcpu_minor_faults", "uffd_faults", "prefetched_bytes", "prefetched_pages",
    "rss_bytes",         "pss_bytes",         "cache_bytes", "prepared_bytes",   "snapshot_bytes",
    "device_reads",      "device_read_bytes", "burst_ns",
};
inline constexpr std::size_t kAmounts = kAmountFields.size();

// The amounts of an invocation.
class Amounts {
 public:
  std::optional<double>& operator[](Amount which) { return values_[index(which)]; }
  const std::optional<double>& operator[](Amount which) const { return values_[index(which)]; }
  // Returns 0 for a missing one.
  double value(Amount which) const { return (*this)[which].value_or(0); }

 private:
  static std::size_t index(Amount which) { return static_cast<std::size_t>(which); }
  std::array<std::optional<double>, kAmounts> values_;
};

// One invocation, from a line of a results file (docs/reference/results-format.md). Times in
// nanoseconds, memory in bytes.
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
  Amounts amounts;
  std::string accelerator;
  std::vector<SpanOfTime> spans;
  std::vector<FaultBucket> fault_buckets;
  // Faults that KVM passed to a worker, by the worker's time.
  std::vector<FaultBucket> async_fault_buckets;

  // Index of the conditions under which it was measured; empty if none preceded it.
  std::optional<std::size_t> conditions;
};

// Returns the setting, the merge gap of its loading set if it was chosen, and whether the VM was
// prepared.
std::string setting_label(const Measurement& measurement);

// Returns what besides the setting identifies a measurement in an experiment: the function, and the
// disk and the compute time if they vary.
std::string subject(const Measurement& measurement);
// Returns the same with the input's name and the parallelism.
std::string full_subject(const Measurement& measurement);

// Parses a line about an invocation. Throws std::invalid_argument with the field.
Measurement parse_measurement(const tools::Json& line);

}  // namespace faasnap::bench::report
