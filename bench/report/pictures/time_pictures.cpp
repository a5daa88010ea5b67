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

std::string time_note(const Summary& summary, std::optional<double> base) {
  std::string note = format_time(summary.total);
  if (base) {
    note += "  " + format_ratio(summary.total / *base);
  }
  return note;
}

Bar time_bar(const Summary& summary, std::optional<double> base) {
  return {summary.label,
          colour_class(summary.label),
          {summary.setup, summary.invoke},
          time_note(summary, base),
          fmt::format("{}: set-up {}, invocation {}, total {} (median of {}, {} to {})",
                      summary.label, format_time(summary.setup), format_time(summary.invoke),
                      format_time(summary.total), summary.count, format_time(summary.least),
                      format_time(summary.most))};
}

Picture bars_of_means(const std::string& title, const std::vector<MeanRatio>& means) {
  std::vector<Bar> bars;
  for (const MeanRatio& mean : means) {
    bars.push_back(
        {mean.setting,
         colour_class(mean.setting),
         {mean.ratio},
         format_ratio(mean.ratio),
         fmt::format("{}: {} over {} points, {} to {}", mean.setting, format_ratio(mean.ratio),
                     mean.count, format_ratio(mean.least), format_ratio(mean.most))});
  }
  return bar_chart(title, bars, kRatio);
}

}  // namespace

Pictures means_of_ratios(const Measurements& all, const std::string& baseline) {
  Pictures pictures;
  if (split(all, full_subject).size() < 2) {
    return pictures;
  }
  const auto variants = split(all, variant);
  for (const Part& part : variants) {
    const auto means = mean_ratios(part.measurements, baseline);
    if (means.size() > 1) {
      pictures.push_back(
          bars_of_means("All functions" + (variants.size() == 1 ? "" : ", " + part.label), means));
    }
  }
  return pictures;
}

Pictures time_bars(const Measurements& all, const std::string& baseline) {
  Pictures pictures;
  for (const Part& part : split_by_subject(all)) {
    const auto summaries = summarize(split_by_setting(part.measurements));
    const auto base = baseline_total(summaries, baseline);
    std::vector<Bar> bars;
    for (const Summary& summary : summaries) {
      bars.push_back(time_bar(summary, base));
    }
    pictures.push_back(bar_chart(part.label, bars, kTime));
  }
  return pictures;
}

}  // namespace faasnap::bench::report
