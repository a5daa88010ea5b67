#pragma once

#include <optional>
#include <string>
#include <vector>

#include "report/measurements/summary.h"

namespace faasnap::bench::report {

// The total of the setting that the others of a subject are compared with; nothing where it was
// not measured.
std::optional<double> baseline_total(const std::vector<Summary>& of_a_subject,
                                     const std::string& baseline);

// How a setting compares to the baseline over all subjects: the geometric mean of the ratios of
// their medians, and the least and the greatest of these.
struct MeanRatio {
  std::string setting;
  double ratio = 0;
  double least = 0;
  double most = 0;
  // Number of subjects.
  std::size_t count = 0;
};

// In the order of the settings, without those that never met the baseline.
std::vector<MeanRatio> mean_ratios(const Measurements& all, const std::string& baseline);

// What else than function, input and setting a measurement was made with: disk, compute time. Means
// over different ones say nothing.
std::string variant(const Measurement& measurement);

// Parts by subject, which is the function alone where all have the same variant.
std::vector<Part> split_by_subject(const Measurements& all);

}  // namespace faasnap::bench::report
