// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

#include "report/measurements/experiment.h"

namespace faasnap::bench::report {

// Returns the measurements of an experiment as a JSON document, small enough to keep and read
// (docs/reference/results-format.md, "Summaries"): an object of arrays with one element per line.
std::string summary_json(const Experiment& experiment, const std::string& baseline);

}  // namespace faasnap::bench::report
