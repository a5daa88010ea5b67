// SPDX-License-Identifier: Apache-2.0

// What happens to memory that a guest has freed, and how that changes its snapshot (FaaSnap,
// section 4.5): records every function with its first input, once for each way of keeping freed
// pages out of the image.

#include <fmt/format.h>

#include <iostream>
#include <map>

#include "functions/inputs.h"
#include "harness/conditions.h"
#include "harness/json_lines.h"
#include "harness/process.h"
#include "harness/program.h"
#include "harness/statistics.h"

namespace faasnap::bench {
namespace {

using nlohmann::json;

constexpr const char* kProgram = "bench_freed_memory";

struct Options {
  std::vector<std::string> functions;
  std::vector<std::string> modes;
  std::string memory;
  std::filesystem::path data;
  std::filesystem::path output;
};

constexpr const char* kCounts[] = {"nonzero_pages", "working_set_pages", "loading_set_pages"};

json record(const std::string& function, const std::string& mode, const json& input,
            const Options& options) {
  const auto snapshot = options.data / (function + "-" + mode);
  std::filesystem::remove_all(snapshot);
  show_progress(fmt::format("{}: record, free memory: {}", function, mode));
  json result = run_faasnap({"record", function, "--input", input.dump(), "--snapshot", snapshot,
                             "--free-memory", mode, "--memory", options.memory, "--json"});
  show_progress("");
  std::filesystem::remove_all(snapshot);
  return result;
}

// The counts of one function, by their names, as ratios to the first mode's.
using Ratios = std::map<std::pair<std::string, std::string>, std::vector<double>>;

void measure(const std::string& function, const json& input, const Options& options,
             JsonLines& records, Ratios& ratios) {
  json first;
  for (const std::string& mode : options.modes) {
    const json of = record(function, mode, input, options);
    records.add(of);
    if (first.is_null()) {
      first = of;
    } else if (first.at("result") != of.at("result")) {
      throw std::runtime_error(function + ": the modes do not agree on the result");
    }
    fmt::print("{:12} {:8}", function, mode);
    for (const char* count : kCounts) {
      const auto pages = of.at(count).get<double>();
      const double ratio = pages / first.at(count).get<double>();
      ratios[{mode, count}].push_back(ratio);
      fmt::print(" {:9.0f} {:5.2f}", pages, ratio);
    }
    fmt::print(" {:9.1f}\n", of.at("duration_ns").get<double>() / 1e9);
    std::fflush(stdout);
  }
}

int measure_all(const Options& options) {
  std::filesystem::create_directories(options.data);
  const json conditions_of_run = conditions(options.data);
  JsonLines records(options.output);
  records.add({{"conditions", conditions_of_run}});

  fmt::print("{}\nguests of {}; pages, and as a ratio to {}\n\n", describe(conditions_of_run),
             options.memory, options.modes.front());
  fmt::print("{:12} {:8} {:>9} {:>5} {:>9} {:>5} {:>9} {:>5} {:>9}\n", "function", "mode",
             "not zero", "", "recorded", "", "loading", "", "record s");
  Ratios ratios;
  unsigned failures = 0;
  for (const std::string& function : options.functions) {
    try {
      measure(function, declared_input(function, InputSize::quick, 0), options, records, ratios);
    } catch (const std::exception& error) {
      ++failures;
      std::cerr << kProgram << ": " << function << ": " << error.what() << '\n';
      records.add({{"function", function}, {"error", error.what()}});
    }
  }
  fmt::print("\nratios, geometric mean:\n");
  for (const std::string& mode : options.modes) {
    fmt::print("{:12} {:8}", "", mode);
    for (const char* count : kCounts) {
      if (const auto found = ratios.find({mode, count}); found != ratios.end()) {
        fmt::print(" {:>9} {:5.2f}", "", geometric_mean(found->second));
      }
    }
    fmt::print("\n");
  }
  return failures == 0 ? 0 : 1;
}

CommandLine command_line() {
  CommandLine line({.name = kProgram,
                    .text = "Records each function once for each mode of `faasnap record "
                            "--free-memory`, and counts pages.",
                    .example = "bench_freed_memory --functions mmap,json --output freed.jsonl"});
  line.list("functions", "NAMES", "the functions (default: all of the image)");
  line.option("memory", "SIZE", "memory of the guests", "2G");
  line.list("modes", "MODES", "the modes; the first is the reference", "keep,report,zero");
  line.option("data", "DIR", "directory for snapshots, on a disk, not in memory",
              data_directory() / "bench");
  line.option("output", "FILE", "results file, a JSON object per recording (default: none)");
  return line;
}

int run(const CommandLine& line) {
  const Options options{.functions = functions_or_all(line.texts("functions")),
                        .modes = line.texts("modes"),
                        .memory = line.text("memory"),
                        .data = line.text("data"),
                        .output = line.optional_text("output").value_or("")};
  if (options.modes.empty()) {
    throw UsageError("--modes is empty");
  }
  return measure_all(options);
}

}  // namespace
}  // namespace faasnap::bench

int main(int argc, char** argv) {
  using namespace faasnap::bench;
  return run_program(argc, argv, command_line, run);
}
