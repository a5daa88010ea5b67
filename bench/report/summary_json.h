#pragma once

#include <string>

#include "report/measurements/experiment.h"

namespace faasnap::bench::report {

// What was measured of an experiment as a JSON document, small enough to be kept and read
// (docs/reference/results-format.md, "Summaries"): an object of arrays that have one element on
// each line.
std::string summary_json(const Experiment& experiment, const std::string& baseline);

}  // namespace faasnap::bench::report
