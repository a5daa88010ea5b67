#pragma once

#include <string>

#include "report/html.h"
#include "report/summary.h"

namespace faasnap::cli::report {

// Rows of pictures for the measurements of one experiment; empty where there is nothing to draw.

// How each setting compares to the baseline over all subjects: the geometric mean of the ratios of
// their medians.
Html overview_picture(const Measurements& all, const std::string& baseline);
// A picture for each function: bars of set-up and invocation by setting.
Html time_bars(const Measurements& all, const std::string& baseline);
// Total time over the size of the input, or over how many VMs were invoked at once.
Html time_over_input(const Measurements& all);
Html time_over_parallelism(const Measurements& all);
// Guest memory of all VMs together over how many there were.
Html memory_over_parallelism(const Measurements& all);
// Faults of the vCPU threads by kind, and by the time that they took.
Html fault_bars(const Measurements& all);
Html fault_histograms(const Measurements& all);
Html memory_bars(const Measurements& all);
// One invocation for each setting: the one whose total is the median.
Html timelines(const Measurements& all);

}  // namespace faasnap::cli::report
