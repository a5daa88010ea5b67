#pragma once

#include <functional>
#include <string>
#include <vector>

#include "report/measurements/measurement.h"

namespace faasnap::bench::report {

// Several measurements of one kind: their medians, and how far the totals lie apart.
struct Summary {
  std::string label;
  std::size_t count = 0;
  double setup = 0;
  double invoke = 0;
  double total = 0;
  double least = 0;
  double most = 0;
  // Medians over those that have it.
  Amounts amounts;
};

using Measurements = std::vector<const Measurement*>;

// A part of a set, with what its members have in common.
struct Part {
  std::string label;
  Measurements measurements;
};

// Parts by what `label` says, in the order in which they first occur.
std::vector<Part> split(const Measurements& all,
                        const std::function<std::string(const Measurement&)>& label);
// Parts by setting, in the order in which the paper names them.
std::vector<Part> split_by_setting(const Measurements& all);

// The part has at least one measurement.
Summary summarize(const Part& part);
std::vector<Summary> summarize(const std::vector<Part>& parts);

// The middle one, or the mean of the middle two; of at least one.
double median(std::vector<double> values);

// The setting that others are compared with: `wanted`, or where that is empty `cached`, `lazy`, or
// the first there is.
std::string choose_baseline(const std::vector<Part>& by_setting, const std::string& wanted);

}  // namespace faasnap::bench::report
