#pragma once

#include <string>

#include "report/results.h"

namespace faasnap::cli::report {

// The whole report: one HTML document that needs nothing else, neither scripts nor the network.
// `baseline`: the setting that ratios refer to; empty: the report chooses.
std::string make_page(const Results& results, const std::string& baseline);

}  // namespace faasnap::cli::report
