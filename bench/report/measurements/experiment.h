#pragma once

#include <functional>
#include <string>
#include <vector>

#include "report/measurements/results.h"
#include "report/measurements/summary.h"

namespace faasnap::bench::report {

// What the results files hold of one experiment.
struct Experiment {
  // Its name in the files.
  std::string name;
  // For people.
  std::string title;
  std::string explanation;
  Measurements measurements;
  Measurements failures;
  // The conditions that any of these was measured under.
  std::vector<tools::Json> conditions;
};

// The experiments of `results`, in the paper's order; they point into it.
std::vector<Experiment> experiments_of(const Results& results);

// True if `what` says different things of them.
bool varies(const Measurements& all, const std::function<std::string(const Measurement&)>& what);
// True if any of it was measured on an emulated processor.
bool is_dilated(const Experiment& experiment);
// True if numbers of VMs are compared.
bool has_bursts(const Measurements& all);

}  // namespace faasnap::bench::report
