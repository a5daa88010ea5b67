#pragma once

#include <string>
#include <utility>
#include <vector>

#include "report/measurements/results.h"

namespace faasnap::bench::report {

// What is kept of results beside a text about them: of each experiment EXPERIMENT.json
// (summary_json.h), and its pictures, EXPERIMENT.svg and EXPERIMENT-NAME.svg (sheet.h).
// Names and contents. Throws tools::Failure for an experiment whose name cannot be a file's.
std::vector<std::pair<std::string, std::string>> summary_files(const Results& results,
                                                               const std::string& baseline);

}  // namespace faasnap::bench::report
