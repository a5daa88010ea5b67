// SPDX-License-Identifier: Apache-2.0

#include "harness/statistics.h"

#include <algorithm>
#include <cmath>

namespace faasnap::bench {

double quantile(std::vector<double> samples, double fraction) {
  std::sort(samples.begin(), samples.end());
  const auto rank = static_cast<std::size_t>(std::ceil(fraction * samples.size()));
  return samples[std::clamp<std::size_t>(rank, 1, samples.size()) - 1];
}

double median(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  const std::size_t half = samples.size() / 2;
  return samples.size() % 2 == 1 ? samples[half] : (samples[half - 1] + samples[half]) / 2;
}

double geometric_mean(const std::vector<double>& samples) {
  double sum = 0;
  for (const double sample : samples) {
    sum += std::log(sample);
  }
  return std::exp(sum / static_cast<double>(samples.size()));
}

}  // namespace faasnap::bench
