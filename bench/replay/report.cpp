// SPDX-License-Identifier: Apache-2.0

#include "replay/report.h"

#include <fmt/format.h>

#include "harness/statistics.h"

namespace faasnap::bench {
namespace {

template <typename Get>
std::vector<double> column(const std::vector<Sample>& samples, Get get) {
  std::vector<double> values;
  for (const Sample& sample : samples) {
    values.push_back(static_cast<double>(get(sample)));
  }
  return values;
}

double mib(Bytes bytes) { return static_cast<double>(bytes.value) / (1 << 20); }

double ratio_to_cached(const Samples& samples, const ReplayWay& way) {
  auto base = samples.find({Setting::cached, way.prepared});
  if (base == samples.end()) {
    base = samples.find({Setting::cached, !way.prepared});
  }
  if (base == samples.end()) {
    return 0;
  }
  const std::vector<Sample>& own = samples.at(way);
  std::vector<double> ratios;
  for (std::size_t round = 0; round < own.size(); ++round) {
    ratios.push_back(own[round].total / base->second.at(round).total);
  }
  return median(ratios);
}

}  // namespace

std::vector<Summary> summarize(const Samples& samples, const std::vector<ReplayWay>& ways) {
  std::vector<Summary> summaries;
  for (const ReplayWay& way : ways) {
    const std::vector<Sample>& of = samples.at(way);
    const auto totals = column(of, [](const Sample& s) { return s.total; });
    Summary summary;
    summary.way = way;
    summary.prepare = median(column(of, [](const Sample& s) { return s.prepare; }));
    summary.start = median(column(of, [](const Sample& s) { return s.start; }));
    summary.total = median(totals);
    summary.least = quantile(totals, 0);
    summary.lower = quantile(totals, 0.25);
    summary.upper = quantile(totals, 0.75);
    summary.ratio = ratio_to_cached(samples, way);
    summary.minor = median(column(of, [](const Sample& s) { return s.minor_faults; }));
    summary.major = median(column(of, [](const Sample& s) { return s.major_faults; }));
    summary.uffd = median(column(of, [](const Sample& s) { return s.uffd_faults; }));
    summary.mappings = median(column(of, [](const Sample& s) { return s.mappings; }));
    summary.read = median(column(of, [](const Sample& s) { return mib(s.read); }));
    summary.resident = median(column(of, [](const Sample& s) { return mib(s.resident); }));
    summary.proportional = median(column(of, [](const Sample& s) { return mib(s.proportional); }));
    summaries.push_back(summary);
  }
  return summaries;
}

nlohmann::json to_json(const Summary& summary) {
  return {{"setting", to_string(summary.way.origin)},
          {"prepared", summary.way.prepared},
          {"compression", to_string(summary.way.compression)},
          {"prepare_ms", summary.prepare},
          {"start_ms", summary.start},
          {"total_ms", summary.total},
          {"least_ms", summary.least},
          {"lower_quartile_ms", summary.lower},
          {"upper_quartile_ms", summary.upper},
          {"ratio_to_cached", summary.ratio},
          {"minor_faults", summary.minor},
          {"major_faults", summary.major},
          {"uffd_faults", summary.uffd},
          {"mappings", summary.mappings},
          {"read_mib", summary.read},
          {"resident_mib", summary.resident},
          {"proportional_mib", summary.proportional}};
}

std::string table_head() {
  return fmt::format(
      "{:21} {:>8} {:>7} {:>8} {:>17} {:>8} {:>7} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6}\n",
      "setting", "prepare", "start", "total", "quartiles", "least", "ratio", "minor", "major",
      "uffd", "maps", "read", "RSS", "PSS");
}

std::string table_row(const Summary& s) {
  return fmt::format(
      "{:21} {:8.2f} {:7.2f} {:8.2f} {:>17} {:8.2f} {:7.2f} {:6.0f} {:6.0f} {:6.0f} {:6.0f} "
      "{:6.1f} "
      "{:6.1f} {:6.1f}\n",
      s.way.name(), s.prepare, s.start, s.total, fmt::format("{:.2f}-{:.2f}", s.lower, s.upper),
      s.least, s.ratio, s.minor, s.major, s.uffd, s.mappings, s.read, s.resident, s.proportional);
}

std::string describe(const Compute& compute) {
  return compute.total
             ? fmt::format("{:g} ms",
                           std::chrono::duration<double, std::milli>(*compute.total).count())
             : "recorded";
}

}  // namespace faasnap::bench
