// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <span>
#include <string>
#include <vector>

#include "functions/experiment.h"

namespace faasnap::bench {

// Opens the results of a run. Prints the conditions and any defect found in the file.
Results open_results(const GuestOptions& options);
// Makes the report page after the table and prints where everything is. Returns the program's exit
// status: 1 if an invocation failed.
int conclude(const GuestOptions& options, const Results& results);

// Does all of this for an experiment that consists of series. `row` has the fields that name the
// table's rows.
int run_experiment(const GuestOptions& options, const std::vector<Series>& series,
                   std::span<const std::string> row, const Measure& measure = invoke_cold);

}  // namespace faasnap::bench
