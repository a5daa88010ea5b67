// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

#include "report/charts/html.h"
#include "report/measurements/summary.h"

namespace faasnap::bench::report {

// A row for each subject and setting: medians, spread, and the ratio to the baseline.
Html summary_table(const Measurements& all, const std::string& baseline);
// A row for each invocation that failed.
Html failure_table(const std::vector<Measurement>& failures);

}  // namespace faasnap::bench::report
