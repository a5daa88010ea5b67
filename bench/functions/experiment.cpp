// SPDX-License-Identifier: Apache-2.0

#include "functions/experiment.h"

#include <faasnap/snapshot.h>
#include <fmt/format.h>

#include <map>
#include <set>
#include <stdexcept>

#include "functions/progress.h"
#include "harness/process.h"

namespace faasnap::bench {
namespace {

using nlohmann::json;

// The snapshots of one series: the recorded one, and those made from it with loading sets of other
// merge gaps. Removes them in the end.
class Snapshots {
 public:
  explicit Snapshots(const std::filesystem::path& recorded) : recorded_(recorded) {}
  ~Snapshots() {
    std::error_code ignored;
    std::filesystem::remove_all(recorded_, ignored);
    for (const auto& derived : derived_) {
      std::filesystem::remove_all(derived, ignored);
    }
  }
  Snapshots(const Snapshots&) = delete;
  Snapshots& operator=(const Snapshots&) = delete;

  std::filesystem::path serving(const Way& way) {
    if (!way.merge_gap) {
      return recorded_;
    }
    const std::filesystem::path path = fmt::format("{}-gap{}", recorded_.string(), *way.merge_gap);
    if (!derived_.contains(path)) {
      std::filesystem::remove_all(path);
      Snapshot::open(recorded_).derive(
          path, {.thresholds = {.merge_gap_pages = *way.merge_gap, .minimum_pages = 0}});
      derived_.insert(path);
    }
    return path;
  }

 private:
  std::filesystem::path recorded_;
  std::set<std::filesystem::path> derived_;
};

class Runner {
 public:
  Runner(const std::filesystem::path& directory, Results& results, std::size_t invocations,
         const Measure& measure)
      : directory_(directory), results_(results), progress_(invocations), measure_(measure) {}

  void run(const Series& series) {
    const auto snapshot = directory_ / series.function;
    progress_.show(series.function + ": record");
    Snapshots snapshots(snapshot);
    try {
      record_function(series.function, series.recorded_input, snapshot);
    } catch (const std::exception& error) {
      for (const Invocation& invocation : series.invocations) {
        results_.add_failure(invocation.point, fmt::format("recording: {}", error.what()));
        progress_.step();
      }
      return;
    }
    std::map<std::string, json> outcomes;  // by input
    for (const Invocation& invocation : series.invocations) {
      progress_.show(fmt::format("{}: {}", series.function, invocation.way.name()));
      measure(snapshots, invocation, outcomes);
      progress_.step();
    }
  }

 private:
  void measure(Snapshots& snapshots, const Invocation& invocation,
               std::map<std::string, json>& outcomes) {
    try {
      const json record = measure_(snapshots.serving(invocation.way), invocation);
      const auto [known, added] =
          outcomes.try_emplace(invocation.input.dump(), record.at("result"));
      if (!added && known->second != record.at("result")) {
        throw std::runtime_error("the result differs from that of earlier invocations");
      }
      results_.add(invocation.point, record);
    } catch (const std::exception& error) {
      results_.add_failure(invocation.point, error.what());
    }
  }

  const std::filesystem::path& directory_;
  Results& results_;
  Progress progress_;
  const Measure& measure_;
};

}  // namespace

std::vector<Series> changed_input(const GuestOptions& options) {
  std::vector<Series> all;
  for (const std::string& function : options.functions) {
    Series series{function, declared_input(function, options.size, 0), {}};
    const auto input = declared_input(function, options.size, 1);
    // The repeats are the outer loop: ways are interleaved, so that changes of the machine affect
    // all of them.
    for (unsigned i = 0; i < options.repeat; ++i) {
      for (const Way& way : options.ways) {
        series.invocations.push_back({point_of(options, function, way, i), input, way});
      }
    }
    all.push_back(std::move(series));
  }
  return all;
}

json invoke_cold(const std::filesystem::path& snapshot, const Invocation& invocation) {
  std::vector<std::string> words{
      "invoke",    "--snapshot",           snapshot.string(), "--input", invocation.input.dump(),
      "--setting", invocation.way.setting, "--json",          "--spans"};
  if (invocation.way.setting != "warm") {
    words.emplace_back("--drop-caches");
  }
  if (invocation.way.prepared) {
    words.emplace_back("--prepared");
  }
  json record = run_faasnap(words);
  if (invocation.way.setting != "warm" && record.at("cache_pages_before") != 0) {
    throw std::runtime_error(snapshot.string() + ": some pages are still in the page cache");
  }
  return record;
}

void record_function(const std::string& function, const json& input,
                     const std::filesystem::path& snapshot) {
  std::filesystem::remove_all(snapshot);
  run_faasnap(
      {"record", function, "--input", input.dump(), "--snapshot", snapshot.string(), "--json"});
}

void run_series(const std::vector<Series>& series, const std::filesystem::path& directory,
                Results& results, const Measure& measure) {
  std::vector<Series> missing;
  std::size_t count = 0;
  for (const Series& each : series) {
    Series rest{each.function, each.recorded_input, {}};
    for (const Invocation& invocation : each.invocations) {
      if (!results.has(invocation.point)) {
        rest.invocations.push_back(invocation);
      }
    }
    if (!rest.invocations.empty()) {
      count += rest.invocations.size();
      missing.push_back(std::move(rest));
    }
  }
  std::filesystem::create_directories(directory);
  Runner runner(directory, results, count, measure);
  for (const Series& each : missing) {
    runner.run(each);
  }
}

}  // namespace faasnap::bench
