// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "report/measurements/results.h"

namespace faasnap::bench::report {

// Returns the whole report: one HTML document that needs neither scripts nor the network. It is
// written in C++, and not in Python with matplotlib, so that every bench makes its page where it
// runs, even in a lab without matplotlib.
//
// `baseline` is the reference setting of ratios; if empty, the report chooses it.
std::string make_page(const Results& results, const std::string& baseline);
// Writes the report of results files to `page`, which is replaced. Throws tools::Failure.
void write_page(const std::vector<std::string>& files, const std::filesystem::path& page);

}  // namespace faasnap::bench::report
