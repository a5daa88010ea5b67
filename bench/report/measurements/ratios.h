// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "report/measurements/summary.h"

namespace faasnap::bench::report {

// Returns the total of the reference setting for a subject, or nothing if it was not measured.
std::optional<double> baseline_total(const std::vector<Summary>& of_a_subject,
                                     const std::string& baseline);

// A setting compared with the baseline over all subjects: the geometric mean of the ratios of their
// medians, and the least and the greatest ratio.
struct MeanRatio {
  std::string setting;
  double ratio = 0;
  double least = 0;
  double most = 0;
  // Number of subjects.
  std::size_t count = 0;
};

// In the order of the settings, without those that share no subject with the baseline.
std::vector<MeanRatio> mean_ratios(const Measurements& all, const std::string& baseline);

// Returns what besides function, input and setting distinguishes a measurement: disk, compute time.
// Means over different ones say nothing.
std::string variant(const Measurement& measurement);

// Splits by subject, which is the function alone if all have the same variant.
std::vector<Part> split_by_subject(const Measurements& all);

}  // namespace faasnap::bench::report
