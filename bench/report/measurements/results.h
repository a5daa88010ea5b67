// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <vector>

#include "report/measurements/measurement.h"
#include "tools/json.h"

namespace faasnap::bench::report {

// The combined content of several results files (docs/reference/results-format.md).
struct Results {
  // The conditions of all runs, each once.
  std::vector<tools::Json> conditions;
  // Successful invocations; the last one if several agree in all identifying fields.
  std::vector<Measurement> measurements;
  // Invocations that failed and were not measured again.
  std::vector<Measurement> failures;
  // What a reader of the report must know about the files, one line each.
  std::vector<std::string> notices;
};

// Throws tools::Failure with file and line for a line that is not a result, and for files without
// any.
Results read_results(const std::vector<std::string>& files);

}  // namespace faasnap::bench::report
