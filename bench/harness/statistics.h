// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <vector>

namespace faasnap::bench {

// Every function needs at least one sample.

// Returns the sample that `fraction` (0 to 1) of the samples do not exceed, by the nearest rank.
double quantile(std::vector<double> samples, double fraction);

// Returns the middle sample, or the mean of the middle two.
double median(std::vector<double> samples);

// The samples are positive.
double geometric_mean(const std::vector<double>& samples);

}  // namespace faasnap::bench
