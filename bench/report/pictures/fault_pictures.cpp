// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "report/charts/charts.h"
#include "report/charts/figures.h"
#include "report/measurements/ratios.h"
#include "report/pictures/pictures.h"

namespace faasnap::bench::report {
namespace {

using Buckets = std::vector<FaultBucket> Measurement::*;

// Returns the mean buckets of one setting's measurements: the faults of one invocation.
std::vector<FaultBucket> mean_buckets(const Measurements& measurements, Buckets field) {
  std::map<std::pair<double, double>, double> sums;
  for (const Measurement* one : measurements) {
    for (const FaultBucket& bucket : one->*field) {
      sums[{bucket.from, bucket.to}] += bucket.count;
    }
  }
  std::vector<FaultBucket> buckets;
  for (const auto& [range, count] : sums) {
    buckets.push_back(
        {range.first, range.second, count / static_cast<double>(measurements.size())});
  }
  return buckets;
}

}  // namespace

Pictures fault_bars(const Measurements& all) {
  Pictures pictures;
  for (const Part& part : split_by_subject(all)) {
    std::vector<Bar> bars;
    for (const Summary& summary : summarize(split_by_setting(part.measurements))) {
      const double major = summary.amounts.value(Amount::major_faults);
      const double minor = summary.amounts.value(Amount::minor_faults);
      const double user = summary.amounts.value(Amount::uffd_faults);
      bars.push_back({summary.label,
                      colour_class(summary.label),
                      {user, minor, major},
                      format_count(user + minor + major),
                      fmt::format("{}: {:.0f} major, {:.0f} minor, {:.0f} answered in user space",
                                  summary.label, major, minor, user)});
    }
    pictures.push_back(bar_chart(part.label, bars, kCount));
  }
  return pictures;
}

Pictures fault_histograms(const Measurements& all, Buckets field) {
  Pictures pictures;
  for (const Part& part : split_by_subject(all)) {
    std::vector<FaultStrip> strips;
    for (const Part& setting : split_by_setting(part.measurements)) {
      if (auto buckets = mean_buckets(setting.measurements, field); !buckets.empty()) {
        strips.push_back({setting.label, colour_class(setting.label), std::move(buckets)});
      }
    }
    if (!strips.empty()) {
      pictures.push_back(histograms(part.label, strips));
    }
  }
  return pictures;
}

}  // namespace faasnap::bench::report
