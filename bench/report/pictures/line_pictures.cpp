// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "harness/statistics.h"
#include "report/charts/charts.h"
#include "report/charts/figures.h"
#include "report/measurements/ratios.h"
#include "report/pictures/pictures.h"

namespace faasnap::bench::report {
namespace {

// The x axis: the labels of its places, and the place of a measurement.
struct Axis {
  std::vector<std::string> labels;
  std::string title;
  std::function<std::string(const Measurement&)> label_of;

  std::size_t place(const std::string& label) const {
    return static_cast<std::size_t>(std::find(labels.begin(), labels.end(), label) -
                                    labels.begin());
  }
};

using Value = std::function<double(const Measurements&)>;

// Returns a line for each setting, through the value of its measurements at each place of the axis.
std::vector<Line> make_lines(const Measurements& all, const Axis& axis, const Value& value) {
  std::vector<Line> lines;
  for (const Part& setting : split_by_setting(all)) {
    std::map<std::size_t, double> points;
    for (const Part& part : split(setting.measurements, axis.label_of)) {
      points[axis.place(part.label)] = value(part.measurements);
    }
    lines.push_back({setting.label, colour_class(setting.label), {points.begin(), points.end()}});
  }
  return lines;
}

Axis input_axis(const Measurements& all) {
  // Inputs without a size come after the others, in their order of occurrence.
  std::vector<std::pair<double, std::string>> inputs;
  for (const Measurement* one : all) {
    const auto known = std::find_if(inputs.begin(), inputs.end(),
                                    [&](const auto& i) { return i.second == one->input_name; });
    if (known == inputs.end()) {
      inputs.emplace_back(one->input_size.value_or(std::numeric_limits<double>::max()),
                          one->input_name);
    }
  }
  std::stable_sort(inputs.begin(), inputs.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  Axis axis{{}, "input", [](const Measurement& m) { return m.input_name; }};
  for (const auto& input : inputs) {
    axis.labels.push_back(input.second);
  }
  return axis;
}

Axis parallelism_axis(const Measurements& all) {
  std::set<std::uint64_t> values;
  for (const Measurement* one : all) {
    values.insert(one->parallelism);
  }
  Axis axis{{}, "VMs at once", [](const Measurement& m) { return std::to_string(m.parallelism); }};
  for (const std::uint64_t value : values) {
    axis.labels.push_back(std::to_string(value));
  }
  return axis;
}

double median_total(const Measurements& measurements) {
  return summarize(Part{"", measurements}).total;
}

double median_burst(const Measurements& measurements) {
  return summarize(Part{"", measurements}).amounts.value(Amount::burst_time);
}

// Returns the memory of all VMs of a burst together, the median over its repetitions.
double median_memory(const Measurements& measurements) {
  std::map<std::uint64_t, double> sums;
  for (const Measurement* one : measurements) {
    sums[one->repeat.value_or(0)] += one->amounts.value(Amount::proportional);
  }
  std::vector<double> values;
  for (const auto& sum : sums) {
    values.push_back(sum.second);
  }
  return median(values);
}

std::string burst_kind(const Measurement& measurement) {
  return measurement.same ? "one snapshot" : "a copy each";
}

std::string burst_subject(const Measurement& measurement) {
  return subject(measurement) + ", " + burst_kind(measurement);
}

// Returns a line for each setting, through its mean ratio at each place of the axis.
std::vector<Line> lines_of_means(const Measurements& all, const Axis& axis,
                                 const std::string& baseline) {
  std::vector<Line> lines;
  for (const Part& setting : split_by_setting(all)) {
    lines.push_back({setting.label, colour_class(setting.label), {}});
  }
  for (std::size_t place = 0; place < axis.labels.size(); ++place) {
    Measurements here;
    std::copy_if(all.begin(), all.end(), std::back_inserter(here),
                 [&](const Measurement* one) { return axis.label_of(*one) == axis.labels[place]; });
    for (const MeanRatio& mean : mean_ratios(here, baseline)) {
      const auto line = std::find_if(lines.begin(), lines.end(),
                                     [&](const Line& l) { return l.label == mean.setting; });
      line->points.emplace_back(place, mean.ratio);
    }
  }
  return lines;
}

Pictures over_parallelism(const Measurements& all, const std::string& what, const Value& value,
                          const Quantity& quantity) {
  Pictures pictures;
  for (const Part& part : split(all, burst_subject)) {
    const Axis axis = parallelism_axis(part.measurements);
    pictures.push_back(line_chart(part.label + what, axis.labels, axis.title,
                                  make_lines(part.measurements, axis, value), quantity));
  }
  return pictures;
}

}  // namespace

Pictures time_over_input(const Measurements& all) {
  Pictures pictures;
  for (const Part& part : split_by_subject(all)) {
    const Axis axis = input_axis(part.measurements);
    pictures.push_back(line_chart(part.label, axis.labels, axis.title,
                                  make_lines(part.measurements, axis, median_total), kTime));
  }
  return pictures;
}

Pictures time_over_parallelism(const Measurements& all) {
  return over_parallelism(all, "", median_total, kTime);
}

Pictures bursts_over_parallelism(const Measurements& all) {
  const bool measured = std::any_of(all.begin(), all.end(), [](const Measurement* one) {
    return one->amounts[Amount::burst_time].has_value();
  });
  return measured ? over_parallelism(all, ": whole burst", median_burst, kTime) : Pictures();
}

Pictures memory_over_parallelism(const Measurements& all) {
  return over_parallelism(all, ": memory", median_memory, kSize);
}

Pictures means_over_parallelism(const Measurements& all, const std::string& baseline) {
  Pictures pictures;
  for (const Part& part : split(all, burst_kind)) {
    const Axis axis = parallelism_axis(part.measurements);
    const auto lines = lines_of_means(part.measurements, axis, baseline);
    if (lines.size() > 1) {
      pictures.push_back(
          line_chart("All functions, " + part.label, axis.labels, axis.title, lines, kRatio));
    }
  }
  return pictures;
}

}  // namespace faasnap::bench::report
