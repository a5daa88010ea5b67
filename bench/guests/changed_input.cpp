#include "guests/changed_input.h"

#include <fmt/format.h>

#include <cstdio>
#include <iostream>

#include "common/command.h"
#include "common/conditions.h"
#include "common/results.h"
#include "guests/table.h"

namespace faasnap::bench {
namespace {

// The repeats are the outer loop: ways are interleaved, so that what the machine does meanwhile
// concerns all of them.
Series series_of(const std::string& function, const ChangedInput& experiment) {
  Series series{function, declared_input(function, experiment.size, 0), {}};
  const auto input = declared_input(function, experiment.size, 1);
  for (unsigned i = 0; i < experiment.repeat; ++i) {
    for (const Way& way : experiment.ways) {
      const Point point{{"experiment", experiment.name},
                        {"function", function},
                        {"setting", way.setting},
                        {"prepared", way.prepared},
                        {"repeat", i}};
      series.invocations.push_back({point, input, way});
    }
  }
  return series;
}

}  // namespace

int measure(const ChangedInput& experiment) {
  std::vector<Series> series;
  for (const std::string& function : experiment.functions) {
    series.push_back(series_of(function, experiment));
  }
  std::filesystem::create_directories(experiment.data);
  if (experiment.output.has_parent_path()) {
    std::filesystem::create_directories(experiment.output.parent_path());
  }
  const nlohmann::json conditions_of_run = conditions(experiment.data);
  Results results(experiment.output, conditions_of_run);
  if (!results.notice().empty()) {
    std::cerr << experiment.program << ": " << results.notice() << '\n';
  }
  fmt::print(
      "{}\ncold before each invocation (mincore), medians of {}; times in ms; ratio: to {}; major "
      "and minor: faults of the vCPU threads; handled: answered by the library\n",
      describe(conditions_of_run), experiment.repeat, experiment.ways.front().name());
  std::fflush(stdout);
  run_series(series, experiment.data, results);
  print_table(results.records(), "function", experiment.ways);
  if (!experiment.report.empty() && !results.records().empty()) {
    run_command({"report", experiment.output.string(), "-o", experiment.report.string()});
    fmt::print("\nresults: {}\nreport: {}\n", experiment.output.string(),
               experiment.report.string());
  }
  if (results.failures() != 0) {
    std::cerr << fmt::format("{}: {} invocations failed; {} says why\n", experiment.program,
                             results.failures(), experiment.output.string());
    return 1;
  }
  return 0;
}

}  // namespace faasnap::bench
