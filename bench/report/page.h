#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "report/measurements/results.h"

namespace faasnap::bench::report {

// The whole report: one HTML document that needs nothing else, neither scripts nor the network. It
// is C++, and not Python with matplotlib, so that every bench makes its page where it runs, a lab
// without matplotlib included.
//
// `baseline`: the setting that ratios refer to; empty: the report chooses.
std::string make_page(const Results& results, const std::string& baseline);
// Makes the page of results files, in the place of what `page` has. Throws tools::Failure.
void write_page(const std::vector<std::string>& files, const std::filesystem::path& page);

}  // namespace faasnap::bench::report
