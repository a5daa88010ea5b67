// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

#include "report/charts/svg.h"
#include "report/measurements/summary.h"

namespace faasnap::bench::report {

// The pictures of the measurements of one experiment; empty if there is nothing to draw.

// Each setting compared with the baseline over all subjects (ratios.h), a picture for each variant;
// or over the number of simultaneous VMs.
Pictures means_of_ratios(const Measurements& all, const std::string& baseline);
Pictures means_over_parallelism(const Measurements& all, const std::string& baseline);
// A picture for each function: bars of set-up and invocation by setting.
Pictures time_bars(const Measurements& all, const std::string& baseline);
// Total time over the size of the input, or over the number of simultaneous VMs.
Pictures time_over_input(const Measurements& all);
Pictures time_over_parallelism(const Measurements& all);
// Time until the last of these VMs has replied.
Pictures bursts_over_parallelism(const Measurements& all);
// Guest memory of all VMs together over their number.
Pictures memory_over_parallelism(const Measurements& all);
// Faults of the vCPU threads by kind, and by their duration.
Pictures fault_bars(const Measurements& all);
Pictures fault_histograms(const Measurements& all, std::vector<FaultBucket> Measurement::*field);
// Resident memory with its proportional share; and any amount of bytes.
Pictures memory_bars(const Measurements& all);
Pictures size_bars(const Measurements& all, Amount which);
// Disk space of the snapshots, all functions in one picture.
Pictures sizes_on_disk(const Measurements& all);
// One invocation for each setting: the one whose total is the median.
Pictures timelines(const Measurements& all);

}  // namespace faasnap::bench::report
