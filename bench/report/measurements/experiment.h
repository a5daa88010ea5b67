// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <string>
#include <vector>

#include "report/measurements/results.h"
#include "report/measurements/summary.h"

namespace faasnap::bench::report {

// The content of the results files for one experiment.
struct Experiment {
  // Its name in the files.
  std::string name;
  // The title for people.
  std::string title;
  std::string explanation;
  Measurements measurements;
  Measurements failures;
  // The conditions under which any of these was measured.
  std::vector<tools::Json> conditions;
};

// Returns the experiments of `results`, in the paper's order; they point into it.
std::vector<Experiment> experiments_of(const Results& results);

// True if `what` differs between them.
bool varies(const Measurements& all, const std::function<std::string(const Measurement&)>& what);
// True if any of it was measured on an emulated processor.
bool is_dilated(const Experiment& experiment);
// True if numbers of VMs are compared.
bool has_bursts(const Measurements& all);

}  // namespace faasnap::bench::report
