// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <algorithm>

#include "report/charts/charts.h"
#include "report/charts/figures.h"
#include "report/measurements/ratios.h"
#include "report/pictures/pictures.h"

namespace faasnap::bench::report {
namespace {

// Returns the measurement whose total is the median.
const Measurement& typical(const Measurements& some) {
  Measurements sorted = some;
  std::sort(sorted.begin(), sorted.end(),
            [](const Measurement* a, const Measurement* b) { return a->total < b->total; });
  return *sorted[(sorted.size() - 1) / 2];
}

Measurements with_spans(const Measurements& all) {
  Measurements some;
  std::copy_if(all.begin(), all.end(), std::back_inserter(some),
               [](const Measurement* one) { return !one->spans.empty(); });
  return some;
}

// Returns the end of the last span of all.
double end_of(const Measurements& some) {
  double end = 0;
  for (const Measurement* one : some) {
    for (const SpanOfTime& span : one->spans) {
      end = std::max(end, span.start + span.duration);
    }
  }
  return end;
}

// Returns when the last set-up has ended and the last page that was to be loaded has arrived.
double end_of_restore(const Measurements& some) {
  double end = 0;
  for (const Measurement* one : some) {
    end = std::max(end, one->setup);
    for (const SpanOfTime& span : one->spans) {
      if (span.name == "load") {
        end = std::max(end, span.start + span.duration);
      }
    }
  }
  return end;
}

void add_row(Pictures& rows, const std::string& subject_label, const Measurements& shown,
             double end, const std::string& what) {
  for (const Measurement* one : shown) {
    const std::string label = setting_label(*one);
    rows.push_back(timeline(fmt::format("{}, {}{}", subject_label, label, what),
                            colour_class(label), one->spans, end));
  }
}

}  // namespace

Pictures timelines(const Measurements& all) {
  Pictures rows;
  for (const Part& part : split_by_subject(with_spans(all))) {
    Measurements shown;
    for (const Part& setting : split_by_setting(part.measurements)) {
      shown.push_back(&typical(setting.measurements));
    }
    const double end = end_of(shown);
    add_row(rows, part.label, shown, end, "");
    // If the function computes for long, the restore would be a dot at the left: enlarge it.
    const double restored = 1.5 * end_of_restore(shown);
    if (restored > 0 && restored < end / 3) {
      add_row(rows, part.label, shown, restored, fmt::format(", first {}", format_time(restored)));
    }
  }
  return rows;
}

}  // namespace faasnap::bench::report
