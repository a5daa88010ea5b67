// SPDX-License-Identifier: Apache-2.0

#include "report/measurements/ratios.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "harness/statistics.h"

namespace faasnap::bench::report {

std::optional<double> baseline_total(const std::vector<Summary>& of_a_subject,
                                     const std::string& baseline) {
  const auto found = std::find_if(of_a_subject.begin(), of_a_subject.end(),
                                  [&](const Summary& s) { return s.label == baseline; });
  // A total below one nanosecond cannot be a reference.
  return found != of_a_subject.end() && found->total >= 1 ? std::optional(found->total)
                                                          : std::nullopt;
}

std::vector<MeanRatio> mean_ratios(const Measurements& all, const std::string& baseline) {
  std::map<std::string, std::vector<double>> ratios;
  for (const Part& part : split(all, full_subject)) {
    const auto summaries = summarize(split_by_setting(part.measurements));
    const auto base = baseline_total(summaries, baseline);
    for (const Summary& summary : summaries) {
      if (base && summary.total > 0) {
        ratios[summary.label].push_back(summary.total / *base);
      }
    }
  }
  std::vector<MeanRatio> means;
  for (const Part& setting : split_by_setting(all)) {
    if (const auto of = ratios.find(setting.label); of != ratios.end()) {
      const auto [least, most] = std::minmax_element(of->second.begin(), of->second.end());
      means.push_back(
          {setting.label, geometric_mean(of->second), *least, *most, of->second.size()});
    }
  }
  return means;
}

std::string variant(const Measurement& measurement) {
  std::string text = measurement.disk;
  if (measurement.compute_ms) {
    text += fmt::format("{}{:g} ms of compute", text.empty() ? "" : ", ", *measurement.compute_ms);
  }
  return text;
}

std::vector<Part> split_by_subject(const Measurements& all) {
  if (split(all, variant).size() > 1) {
    return split(all, subject);
  }
  return split(all, [](const Measurement& m) { return m.function; });
}

}  // namespace faasnap::bench::report
