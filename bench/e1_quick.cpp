// E1, changed input (FaaSnap, section 6.2), at a size that an emulated machine finishes in minutes:
// every function is recorded with its first input and invoked with its second, cold, under each
// setting in turn.

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cxxopts.hpp>
#include <fstream>
#include <iostream>
#include <map>

#include "common/command.h"
#include "common/conditions.h"
#include "common/program.h"
#include "common/statistics.h"

namespace faasnap::bench {
namespace {

using nlohmann::json;

struct Options {
  std::vector<std::string> functions;
  std::vector<std::string> settings;
  unsigned repeat = 3;
  std::filesystem::path data;
  std::string output;
};

struct Samples {
  std::vector<double> setup, invoke, total, major, minor, bytes;

  void add(const json& record) {
    setup.push_back(record.at("setup_ns").get<double>() / 1e6);
    invoke.push_back(record.at("invoke_ns").get<double>() / 1e6);
    total.push_back(record.at("total_ns").get<double>() / 1e6);
    major.push_back(record.at("vcpu_major_faults").get<double>());
    minor.push_back(record.at("vcpu_minor_faults").get<double>());
    bytes.push_back(record.at("prefetched_bytes").get<double>() / (1 << 20));
  }
};

json declared_inputs() {
  std::ifstream file(FAASNAP_SOURCE_DIR "/rootfs/functions/inputs.json");
  return json::parse(file).at("functions");
}

json invoke(const std::filesystem::path& snapshot, const json& input, const std::string& setting) {
  json record = run_faasnap({"invoke", "--snapshot", snapshot, "--input", input.dump(), "--setting",
                             setting, "--drop-caches", "--json"});
  if (record.at("cache_pages_before") != 0) {
    throw std::runtime_error(snapshot.string() + ": the page cache still holds some of it");
  }
  return record;
}

// Measures one function under all settings, interleaved, and prints its rows. Returns the medians
// of the total by setting.
std::map<std::string, double> measure(const std::string& function, const json& inputs,
                                      const Options& options, std::ostream& records) {
  const auto snapshot = options.data / function;
  std::filesystem::remove_all(snapshot);
  show_progress(function + ": record");
  run_faasnap(
      {"record", function, "--input", inputs.at(0).dump(), "--snapshot", snapshot, "--json"});

  std::map<std::string, Samples> samples;
  json result;
  for (unsigned round = 0; round < options.repeat; ++round) {
    for (const std::string& setting : options.settings) {
      show_progress(fmt::format("{}: {} {}/{}", function, setting, round + 1, options.repeat));
      json record = invoke(snapshot, inputs.at(1), setting);
      if (result.is_null()) {
        result = record.at("result");
      } else if (result != record.at("result")) {
        throw std::runtime_error(function + ": the settings do not agree on the result");
      }
      samples[setting].add(record);
      records << record.dump() << '\n' << std::flush;
    }
  }
  std::filesystem::remove_all(snapshot);
  show_progress("");

  std::map<std::string, double> totals;
  for (const std::string& setting : options.settings) {
    const Samples& of = samples.at(setting);
    totals[setting] = median(of.total);
    fmt::print("{:12} {:9} {:9.1f} {:9.1f} {:9.1f} {:9.1f} {:8.0f} {:8.0f} {:9.1f}\n", function,
               setting, median(of.setup), median(of.invoke), median(of.total),
               quantile(of.total, 1) - quantile(of.total, 0), median(of.major), median(of.minor),
               median(of.bytes));
  }
  std::fflush(stdout);
  return totals;
}

int run(const Options& options) {
  const json inputs = declared_inputs();
  std::filesystem::create_directories(options.data);
  const json conditions_of_run = conditions(options.data);
  std::ofstream records(options.output);
  records << json{{"conditions", conditions_of_run}}.dump() << '\n';

  fmt::print("{}\ncold before each invocation (mincore), medians of {}; times in ms\n\n",
             describe(conditions_of_run), options.repeat);
  fmt::print("{:12} {:9} {:>9} {:>9} {:>9} {:>9} {:>8} {:>8} {:>9}\n", "function", "setting",
             "set-up", "invoke", "total", "spread", "major", "minor", "read MiB");
  std::map<std::string, std::vector<double>> ratios;
  unsigned failures = 0;
  for (const std::string& function : options.functions) {
    try {
      const auto totals = measure(function, inputs.at(function).at("quick"), options, records);
      for (const auto& [setting, total] : totals) {
        ratios[setting].push_back(total / totals.at(options.settings.front()));
      }
    } catch (const std::exception& error) {
      ++failures;
      std::cerr << "bench_e1_quick: " << function << ": " << error.what() << '\n';
      records << json{{"function", function}, {"error", error.what()}}.dump() << '\n';
    }
  }
  fmt::print("\ntotal, as a ratio to {}, geometric mean:", options.settings.front());
  for (const std::string& setting : options.settings) {
    if (ratios.contains(setting)) {
      fmt::print("  {} {:.2f}", setting, geometric_mean(ratios.at(setting)));
    }
  }
  fmt::print("\n");
  return failures == 0 ? 0 : 1;
}

Options parse(int argc, char** argv) {
  cxxopts::Options line("bench_e1_quick",
                        "Records each function with its first input and invokes it with its second "
                        "under each setting, cold.\nExample: bench_e1_quick --functions json,hello "
                        "--repeat 5 --output e1.jsonl\n");
  line.add_options()("functions", "which ones",
                     cxxopts::value<std::vector<std::string>>()->default_value(
                         "hello,read,mmap,json,image,matmul,pyaes,chameleon,compression,pagerank"))(
      "settings", "the first is what the others are compared with",
      cxxopts::value<std::vector<std::string>>()->default_value("lazy,cached,faasnap"))(
      "repeat", "invocations of each", cxxopts::value<unsigned>()->default_value("3"))(
      "data", "where snapshots go: on a disk, not in memory",
      cxxopts::value<std::string>()->default_value(from_environment("FAASNAP_DATA", "/data") +
                                                   "/bench"))(
      "output", "one JSON object per invocation",
      cxxopts::value<std::string>()->default_value("/dev/null"))("help", "this text");
  const auto found = line.parse(argc, argv);
  if (found.count("help") != 0) {
    std::cout << line.help();
    std::exit(0);
  }
  const Options options{found["functions"].as<std::vector<std::string>>(),
                        found["settings"].as<std::vector<std::string>>(),
                        found["repeat"].as<unsigned>(), found["data"].as<std::string>(),
                        found["output"].as<std::string>()};
  for (const std::string& function : options.functions) {
    if (!declared_inputs().contains(function)) {
      throw cxxopts::exceptions::specification("there is no function " + function);
    }
  }
  if (options.repeat == 0 || options.settings.empty()) {
    throw cxxopts::exceptions::specification("--repeat and --settings must not be empty");
  }
  return options;
}

}  // namespace
}  // namespace faasnap::bench

int main(int argc, char** argv) {
  using namespace faasnap::bench;
  return run_program("bench_e1_quick", [&] { return run(parse(argc, argv)); });
}
