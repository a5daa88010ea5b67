#pragma once

#include <vector>

namespace faasnap::bench {

// Returns the value that `fraction` (0 to 1) of the samples do not exceed, by the nearest rank.
// There must be a sample.
double quantile(std::vector<double> samples, double fraction);

inline double median(const std::vector<double>& samples) { return quantile(samples, 0.5); }

// The samples are positive; there is at least one.
double geometric_mean(const std::vector<double>& samples);

}  // namespace faasnap::bench
