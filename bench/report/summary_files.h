// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <utility>
#include <vector>

#include "report/measurements/results.h"

namespace faasnap::bench::report {

// Returns the files, by name and content, that are kept beside a text about the results: for each
// experiment EXPERIMENT.json (summary_json.h) and its pictures, EXPERIMENT.svg and
// EXPERIMENT-NAME.svg (sheet.h). Throws tools::Failure if an experiment's name is not a valid file
// name.
std::vector<std::pair<std::string, std::string>> summary_files(const Results& results,
                                                               const std::string& baseline);

}  // namespace faasnap::bench::report
