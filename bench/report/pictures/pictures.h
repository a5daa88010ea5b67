#pragma once

#include <string>

#include "report/charts/svg.h"
#include "report/measurements/summary.h"

namespace faasnap::bench::report {

// What there is to draw of the measurements of one experiment; nothing where they lack it.

// How each setting compares to the baseline over all subjects (ratios.h), a picture for each
// variant; or over how many VMs were invoked at once.
Pictures means_of_ratios(const Measurements& all, const std::string& baseline);
Pictures means_over_parallelism(const Measurements& all, const std::string& baseline);
// A picture for each function: bars of set-up and invocation by setting.
Pictures time_bars(const Measurements& all, const std::string& baseline);
// Total time over the size of the input, or over how many VMs were invoked at once.
Pictures time_over_input(const Measurements& all);
Pictures time_over_parallelism(const Measurements& all);
// Time until the last of these VMs has replied.
Pictures bursts_over_parallelism(const Measurements& all);
// Guest memory of all VMs together over how many there were.
Pictures memory_over_parallelism(const Measurements& all);
// Faults of the vCPU threads by kind, and by the time that they took.
Pictures fault_bars(const Measurements& all);
Pictures fault_histograms(const Measurements& all, std::vector<FaultBucket> Measurement::*field);
// What is resident, with its proportional share; and any amount of bytes.
Pictures memory_bars(const Measurements& all);
Pictures size_bars(const Measurements& all, Amount which);
// What the snapshots take up, all functions in one picture.
Pictures sizes_on_disk(const Measurements& all);
// One invocation for each setting: the one whose total is the median.
Pictures timelines(const Measurements& all);

}  // namespace faasnap::bench::report
