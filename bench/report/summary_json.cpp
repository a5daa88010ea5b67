// SPDX-License-Identifier: Apache-2.0

#include "report/summary_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "report/measurements/ratios.h"

namespace faasnap::bench::report {
namespace {

// Returns an integer if the value is one.
tools::Json number(double value) {
  constexpr double kExact = 1LL << 53;
  return value == std::floor(value) && value < kExact
             ? tools::Json(static_cast<std::int64_t>(value))
             : tools::Json(value);
}

// Rounds to four digits, the precision of a measurement; more would make every line differ between
// runs.
tools::Json rounded(double value) {
  return number(std::strtod(fmt::format("{:.3e}", value).c_str(), nullptr));
}

// Returns the fields that identify this row, named as in the results files.
tools::Json place_of(const Measurement& one, bool of_bursts) {
  tools::Json row;
  row["function"] = one.function;
  row["setting"] = one.setting;
  if (one.prepared) {
    row["prepared"] = true;
  }
  if (one.merge_gap) {
    row["merge_gap"] = *one.merge_gap;
  }
  if (!one.input_name.empty()) {
    row["input_name"] = one.input_name;
  }
  if (one.input_size) {
    row["input_size"] = number(*one.input_size);
  }
  if (!one.disk.empty()) {
    row["disk"] = one.disk;
  }
  if (one.compute_ms) {
    row["compute_ms"] = number(*one.compute_ms);
  }
  if (of_bursts) {
    row["parallelism"] = one.parallelism;
    row["same"] = one.same;
  }
  return row;
}

tools::Json row_of(const Part& part, std::optional<double> base, bool of_bursts) {
  const Summary summary = summarize(part);
  tools::Json row = place_of(*part.measurements.front(), of_bursts);
  row["count"] = summary.count;
  row["total_ns"] = rounded(summary.total);
  row["total_least_ns"] = rounded(summary.least);
  row["total_most_ns"] = rounded(summary.most);
  row["setup_ns"] = rounded(summary.setup);
  row["invoke_ns"] = rounded(summary.invoke);
  if (base) {
    row["ratio"] = rounded(summary.total / *base);
  }
  for (std::size_t i = 0; i < kAmounts; ++i) {
    if (const auto& amount = summary.amounts[static_cast<Amount>(i)]) {
      row[kAmountFields[i]] = rounded(*amount);
    }
  }
  return row;
}

std::vector<tools::Json> rows_of(const Measurements& all, const std::string& baseline,
                                 bool of_bursts) {
  std::vector<tools::Json> rows;
  for (const Part& part : split(all, full_subject)) {
    const auto settings = split_by_setting(part.measurements);
    const auto base = baseline_total(summarize(settings), baseline);
    for (const Part& setting : settings) {
      rows.push_back(row_of(setting, base, of_bursts));
    }
  }
  return rows;
}

// Returns the name of a mean over all functions and inputs that were measured in one way.
std::string kind_of_mean(const Measurement& one) {
  return fmt::format("{}, {} {}", variant(one), one.parallelism, one.same);
}

std::vector<tools::Json> means_of(const Measurements& all, const std::string& baseline,
                                  bool of_bursts) {
  std::vector<tools::Json> means;
  for (const Part& part : split(all, kind_of_mean)) {
    const auto settings = split_by_setting(part.measurements);
    for (const MeanRatio& mean : mean_ratios(part.measurements, baseline)) {
      const auto setting =
          std::find_if(settings.begin(), settings.end(),
                       [&](const Part& candidate) { return candidate.label == mean.setting; });
      tools::Json row = place_of(*setting->measurements.front(), of_bursts);
      for (const char* averaged : {"function", "input_name", "input_size"}) {
        row.erase(averaged);
      }
      row["ratio"] = rounded(mean.ratio);
      row["ratio_least"] = rounded(mean.least);
      row["ratio_most"] = rounded(mean.most);
      row["count"] = mean.count;
      means.push_back(std::move(row));
    }
  }
  return means;
}

std::vector<tools::Json> failures_of(const Measurements& failures, bool of_bursts) {
  std::vector<tools::Json> rows;
  for (const Part& part : split(failures, full_subject)) {
    for (const Part& setting : split_by_setting(part.measurements)) {
      tools::Json row = place_of(*setting.measurements.front(), of_bursts);
      row["count"] = setting.measurements.size();
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

std::string lines_of(const std::vector<tools::Json>& array) {
  std::string lines = "[";
  for (const tools::Json& element : array) {
    lines += lines.size() == 1 ? "\n" : ",\n";
    lines += tools::to_text(element);
  }
  return lines + (array.empty() ? "]" : "\n]");
}

}  // namespace

std::string summary_json(const Experiment& experiment, const std::string& baseline) {
  const Measurements& all = experiment.measurements;
  const bool of_bursts = has_bursts(all);
  std::string text = fmt::format("{{\n\"experiment\": {}", tools::to_text(experiment.name));
  const auto add = [&](const char* name, const std::string& value) {
    text += fmt::format(",\n\"{}\": {}", name, value);
  };
  add("conditions", lines_of(experiment.conditions));
  add("baseline", all.empty() ? "null" : tools::to_text(baseline));
  add("means", lines_of(means_of(all, baseline, of_bursts)));
  add("rows", lines_of(rows_of(all, baseline, of_bursts)));
  add("failures", lines_of(failures_of(experiment.failures, of_bursts)));
  return text + "\n}\n";
}

}  // namespace faasnap::bench::report
