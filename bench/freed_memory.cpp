// What becomes of memory that a guest has freed, and what that does to its snapshot (FaaSnap,
// section 4.5): every function is recorded with its first input, once for each way of keeping
// freed pages out of the image.

#include <fmt/format.h>

#include <cstdlib>
#include <cxxopts.hpp>
#include <fstream>
#include <iostream>
#include <map>

#include "common/command.h"
#include "common/conditions.h"
#include "common/program.h"
#include "common/statistics.h"
#include "guests/inputs.h"

namespace faasnap::bench {
namespace {

using nlohmann::json;

struct Options {
  std::vector<std::string> functions;
  std::vector<std::string> modes;
  std::string memory;
  std::filesystem::path data;
  std::string output;
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

// Counts by the name of the count, of one function, as a ratio to the first mode's.
using Ratios = std::map<std::pair<std::string, std::string>, std::vector<double>>;

void measure(const std::string& function, const json& input, const Options& options,
             std::ostream& records, Ratios& ratios) {
  json first;
  for (const std::string& mode : options.modes) {
    const json of = record(function, mode, input, options);
    records << of.dump() << '\n' << std::flush;
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

int run(const Options& options) {
  std::filesystem::create_directories(options.data);
  const json conditions_of_run = conditions(options.data);
  std::ofstream records(options.output);
  records << json{{"conditions", conditions_of_run}}.dump() << '\n';

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
      std::cerr << "bench_freed_memory: " << function << ": " << error.what() << '\n';
      records << json{{"function", function}, {"error", error.what()}}.dump() << '\n';
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

Options parse(int argc, char** argv) {
  cxxopts::Options line("bench_freed_memory",
                        "Records each function once for each mode of `faasnap record "
                        "--free-memory`, and counts pages.\nExample: bench_freed_memory "
                        "--functions mmap,json --output freed.jsonl\n");
  line.add_options()("functions", "which ones; without: all of the image",
                     cxxopts::value<std::vector<std::string>>()->default_value(""))(
      "memory", "of the guests", cxxopts::value<std::string>()->default_value("2G"))(
      "modes", "the first is what the others are compared with",
      cxxopts::value<std::vector<std::string>>()->default_value("keep,report,zero"))(
      "data", "where snapshots go: on a disk, not in memory",
      cxxopts::value<std::string>()->default_value(from_environment("FAASNAP_DATA", "/data") +
                                                   "/bench"))(
      "output", "one JSON object per recording",
      cxxopts::value<std::string>()->default_value("/dev/null"))("help", "this text");
  const auto found = line.parse(argc, argv);
  if (found.count("help") != 0) {
    std::cout << line.help();
    std::exit(0);
  }
  Options options{functions_or_all(found["functions"].as<std::vector<std::string>>()),
                  found["modes"].as<std::vector<std::string>>(), found["memory"].as<std::string>(),
                  found["data"].as<std::string>(), found["output"].as<std::string>()};
  if (options.modes.empty()) {
    throw cxxopts::exceptions::specification("--modes must not be empty");
  }
  return options;
}

}  // namespace
}  // namespace faasnap::bench

int main(int argc, char** argv) {
  using namespace faasnap::bench;
  return run_program("bench_freed_memory", [&] { return run(parse(argc, argv)); });
}
