// SPDX-License-Identifier: Apache-2.0

#include "report/measurements/summary.h"

#include <algorithm>

#include "harness/statistics.h"
#include "report/measurements/settings.h"

namespace faasnap::bench::report {
namespace {

std::vector<double> column(const Measurements& measurements, double Measurement::*field) {
  std::vector<double> values;
  values.reserve(measurements.size());
  for (const Measurement* one : measurements) {
    values.push_back(one->*field);
  }
  return values;
}

Amounts medians_of_amounts(const Measurements& measurements) {
  Amounts medians;
  for (std::size_t i = 0; i < kAmounts; ++i) {
    const auto which = static_cast<Amount>(i);
    std::vector<double> values;
    for (const Measurement* one : measurements) {
      if (one->amounts[which]) {
        values.push_back(*one->amounts[which]);
      }
    }
    if (!values.empty()) {
      medians[which] = median(std::move(values));
    }
  }
  return medians;
}

}  // namespace

std::vector<Part> split(const Measurements& all,
                        const std::function<std::string(const Measurement&)>& label) {
  std::vector<Part> parts;
  for (const Measurement* one : all) {
    const std::string of = label(*one);
    auto part =
        std::find_if(parts.begin(), parts.end(), [&](const Part& p) { return p.label == of; });
    if (part == parts.end()) {
      part = parts.insert(parts.end(), Part{of, {}});
    }
    part->measurements.push_back(one);
  }
  return parts;
}

std::vector<Part> split_by_setting(const Measurements& all) {
  auto parts = split(all, setting_label);
  std::stable_sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) {
    return rank_of_setting(a.label) < rank_of_setting(b.label);
  });
  return parts;
}

Summary summarize(const Part& part) {
  const auto middle = [&](double Measurement::*field) {
    return median(column(part.measurements, field));
  };
  const auto totals = column(part.measurements, &Measurement::total);
  const auto [least, most] = std::minmax_element(totals.begin(), totals.end());
  return {part.label,
          part.measurements.size(),
          middle(&Measurement::setup),
          middle(&Measurement::invoke),
          median(totals),
          *least,
          *most,
          medians_of_amounts(part.measurements)};
}

std::vector<Summary> summarize(const std::vector<Part>& parts) {
  std::vector<Summary> summaries;
  for (const Part& part : parts) {
    summaries.push_back(summarize(part));
  }
  return summaries;
}

std::string choose_baseline(const std::vector<Part>& by_setting, const std::string& wanted) {
  for (const std::string& name : {wanted, std::string("cached"), std::string("lazy")}) {
    if (std::any_of(by_setting.begin(), by_setting.end(),
                    [&](const Part& part) { return part.label == name; })) {
      return name;
    }
  }
  return by_setting.empty() ? std::string() : by_setting.front().label;
}

}  // namespace faasnap::bench::report
