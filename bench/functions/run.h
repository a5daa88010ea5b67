#pragma once

#include <span>
#include <string>
#include <vector>

#include "functions/experiment.h"

namespace faasnap::bench {

// Opens the results of a run, tells the conditions and what was wrong with the file.
Results open_results(const GuestOptions& options);
// After the table: makes the page, and says where everything is. The program's exit status: 1 when
// an invocation failed.
int conclude(const GuestOptions& options, const Results& results);

// All of that, for an experiment that is nothing but series; `row`: the fields that name the
// table's rows.
int run_experiment(const GuestOptions& options, const std::vector<Series>& series,
                   std::span<const std::string> row, const Measure& measure = invoke_cold);

}  // namespace faasnap::bench
