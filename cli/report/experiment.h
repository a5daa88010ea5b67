#pragma once

#include <string>
#include <vector>

#include "report/html.h"
#include "report/results.h"
#include "report/summary.h"

namespace faasnap::cli::report {

// What the results files hold of one experiment.
struct Experiment {
  // As in the files.
  std::string name;
  // For people.
  std::string title;
  std::string explanation;
  Measurements measurements;
};

// The experiments of `results`, in the paper's order; they point into it.
std::vector<Experiment> experiments_of(const Results& results);

// What, besides the setting, tells one measurement of an experiment from another: the function, and
// the disk and the compute time where those vary.
std::string subject(const Measurement& measurement);
// The same with the input's name and the parallelism.
std::string full_subject(const Measurement& measurement);

// The experiment with all its pictures and its table. `baseline`: the setting that ratios refer to;
// empty: the report chooses.
Html experiment_section(const Experiment& experiment, const std::string& baseline);

}  // namespace faasnap::cli::report
