// SPDX-License-Identifier: Apache-2.0

#include "functions/run.h"

#include <fmt/format.h>

#include <cstdio>
#include <iostream>

#include "functions/table.h"
#include "harness/conditions.h"
#include "report/page.h"

namespace faasnap::bench {

Results open_results(const GuestOptions& options) {
  std::filesystem::create_directories(options.data);
  if (options.output.has_parent_path()) {
    std::filesystem::create_directories(options.output.parent_path());
  }
  nlohmann::json conditions_of_run = conditions(options.data);
  conditions_of_run["inputs"] = options.size == InputSize::quick ? "quick" : "full";
  if (!options.disk.empty()) {
    conditions_of_run["disk"] = options.disk;
  }
  Results results(options.output, conditions_of_run);
  if (!results.notice().empty()) {
    std::cerr << options.program << ": " << results.notice() << '\n';
  }
  fmt::print("{}\n", describe(conditions_of_run));
  std::fflush(stdout);
  return results;
}

int conclude(const GuestOptions& options, const Results& results) {
  if (!options.report.empty() && !results.records().empty()) {
    report::write_page({options.output.string()}, options.report);
    fmt::print("\nresults: {}\nreport: {}\n", options.output.string(), options.report.string());
  }
  if (results.failures() != 0) {
    std::cerr << fmt::format("{}: {} invocations failed; see {}\n", options.program,
                             results.failures(), options.output.string());
    return 1;
  }
  return 0;
}

int run_experiment(const GuestOptions& options, const std::vector<Series>& series,
                   std::span<const std::string> row, const Measure& measure) {
  Results results = open_results(options);
  run_series(series, options.data, results, measure);
  fmt::print(
      "cold before each invocation (mincore), medians of {}; times in ms; ratio: to {}; major and "
      "minor: faults of the vCPU threads; handled: faults answered by the library\n",
      options.repeat, options.ways.front().name());
  print_table(results.records(), row, options.ways);
  return conclude(options, results);
}

}  // namespace faasnap::bench
