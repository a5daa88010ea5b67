#pragma once

#include <string>
#include <vector>

#include "report/measurements/measurement.h"
#include "tools/json.h"

namespace faasnap::bench::report {

// What several results files hold together (docs/reference/results-format.md).
struct Results {
  // The conditions of all runs, each once.
  std::vector<tools::Json> conditions;
  // Invocations that did not fail; only the last of several in one place.
  std::vector<Measurement> measurements;
  // Invocations that failed and were not measured again.
  std::vector<Measurement> failures;
  // What a reader of the report must know about the files, one line each.
  std::vector<std::string> notices;
};

// Throws tools::Failure that names file and line of what is not a result, and for files without
// one.
Results read_results(const std::vector<std::string>& files);

}  // namespace faasnap::bench::report
