// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <algorithm>

#include "report/charts/charts.h"
#include "report/charts/figures.h"
#include "report/measurements/ratios.h"
#include "report/pictures/pictures.h"

namespace faasnap::bench::report {

Pictures memory_bars(const Measurements& all) {
  Pictures pictures;
  for (const Part& part : split_by_subject(all)) {
    std::vector<Bar> bars;
    for (const Summary& summary : summarize(split_by_setting(part.measurements))) {
      const double resident = summary.amounts.value(Amount::resident);
      const double share = std::min(resident, summary.amounts.value(Amount::proportional));
      bars.push_back({summary.label,
                      colour_class(summary.label),
                      {share, resident - share},
                      format_size(resident),
                      fmt::format("{}: {} resident, {} in proportion; {} read", summary.label,
                                  format_size(resident), format_size(share),
                                  format_size(summary.amounts.value(Amount::read_bytes))),
                      true});
    }
    pictures.push_back(bar_chart(part.label, bars, kSize));
  }
  return pictures;
}

Pictures size_bars(const Measurements& all, Amount which) {
  Pictures pictures;
  for (const Part& part : split_by_subject(all)) {
    std::vector<Bar> bars;
    for (const Summary& summary : summarize(split_by_setting(part.measurements))) {
      if (const auto& size = summary.amounts[which]) {
        bars.push_back({summary.label,
                        colour_class(summary.label),
                        {*size},
                        format_size(*size),
                        fmt::format("{}: {}", summary.label, format_size(*size))});
      }
    }
    if (!bars.empty()) {
      pictures.push_back(bar_chart(part.label, bars, kSize));
    }
  }
  return pictures;
}

Pictures sizes_on_disk(const Measurements& all) {
  std::vector<Bar> bars;
  for (const Part& part : split_by_subject(all)) {
    if (const auto size = summarize(part).amounts[Amount::on_disk]) {
      bars.push_back({part.label,
                      colour_class(""),
                      {*size},
                      format_size(*size),
                      fmt::format("{}: {}", part.label, format_size(*size))});
    }
  }
  return bars.empty() ? Pictures() : Pictures{bar_chart("All functions", bars, kSize)};
}

}  // namespace faasnap::bench::report
