// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <string>
#include <vector>

#include "report/measurements/measurement.h"

namespace faasnap::bench::report {

// Several measurements of one kind: their medians and the spread of the totals.
struct Summary {
  std::string label;
  std::size_t count = 0;
  double setup = 0;
  double invoke = 0;
  double total = 0;
  double least = 0;
  double most = 0;
  // Medians over the measurements that have the amount.
  Amounts amounts;
};

using Measurements = std::vector<const Measurement*>;

// A part of a set, with the label of its members.
struct Part {
  std::string label;
  Measurements measurements;
};

// Splits by `label`, in order of first occurrence.
std::vector<Part> split(const Measurements& all,
                        const std::function<std::string(const Measurement&)>& label);
// Splits by setting, in the paper's order.
std::vector<Part> split_by_setting(const Measurements& all);

// The part must have at least one measurement.
Summary summarize(const Part& part);
std::vector<Summary> summarize(const std::vector<Part>& parts);

// Returns the reference setting: `wanted`, or if that is empty `cached`, `lazy`, or the first one.
std::string choose_baseline(const std::vector<Part>& by_setting, const std::string& wanted);

}  // namespace faasnap::bench::report
