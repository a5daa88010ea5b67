#pragma once

#include <string>
#include <vector>

#include "report/measurements/measurement.h"
#include "tools/json.h"

namespace faasnap::bench::report {

// What several results files hold together (docs/reference/results-format.md).
struct Results {
  // Of each run that had some, without repetitions.
  std::vector<tools::Json> conditions;
  // Those that did not fail; of several of one place the last.
  std::vector<Measurement> measurements;
  // Those that failed and were not measured again.
  std::vector<Measurement> failures;
  // What a reader of the report must know about the files, one line each.
  std::vector<std::string> notices;
};

// Throws tools::Failure that names file and line of what is not a result, and for files without
// one.
Results read_results(const std::vector<std::string>& files);

}  // namespace faasnap::bench::report
