#include "guests/experiment.h"

#include <faasnap/restore_options.h>
#include <fmt/format.h>

#include <chrono>
#include <cxxopts.hpp>
#include <map>
#include <stdexcept>

#include "common/command.h"
#include "common/program.h"

namespace faasnap::bench {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

// What is done and what is left, for a person who waits.
class Progress {
 public:
  explicit Progress(std::size_t invocations) : all_(invocations) {}

  void show(const std::string& what) const {
    std::string left;
    if (done_ != 0) {
      const auto rest = (Clock::now() - begun_) / done_ * (all_ - done_);
      const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(rest).count();
      left = fmt::format(", {} min left", minutes + 1);
    }
    show_progress(fmt::format("[{}/{}{}] {}", done_, all_, left, what));
  }
  void step(std::size_t invocations = 1) { done_ += invocations; }

 private:
  std::size_t all_;
  std::size_t done_ = 0;
  Clock::time_point begun_ = Clock::now();
};

json invoke(const std::filesystem::path& snapshot, const Invocation& invocation) {
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
    throw std::runtime_error(snapshot.string() + ": the page cache still holds some of it");
  }
  return record;
}

class Runner {
 public:
  Runner(const std::filesystem::path& directory, Results& results, std::size_t invocations)
      : directory_(directory), results_(results), progress_(invocations) {}

  void run(const Series& series) {
    const auto snapshot = directory_ / series.function;
    std::filesystem::remove_all(snapshot);
    progress_.show(series.function + ": record");
    try {
      run_faasnap({"record", series.function, "--input", series.recorded_input.dump(), "--snapshot",
                   snapshot.string(), "--json"});
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
      measure(snapshot, invocation, outcomes);
      progress_.step();
    }
    std::filesystem::remove_all(snapshot);
  }

 private:
  void measure(const std::filesystem::path& snapshot, const Invocation& invocation,
               std::map<std::string, json>& outcomes) {
    try {
      const json record = invoke(snapshot, invocation);
      const auto [known, added] =
          outcomes.try_emplace(invocation.input.dump(), record.at("result"));
      if (!added && known->second != record.at("result")) {
        throw std::runtime_error("the result is not the one of the invocations before");
      }
      results_.add(invocation.point, record);
    } catch (const std::exception& error) {
      results_.add_failure(invocation.point, error.what());
    }
  }

  const std::filesystem::path& directory_;
  Results& results_;
  Progress progress_;
};

}  // namespace

Way parse_way(const std::string& text) {
  constexpr std::string_view kPrepared = "+prepared";
  Way way{text, text.ends_with(kPrepared)};
  if (way.prepared) {
    way.setting.resize(text.size() - kPrepared.size());
  }
  const auto setting = parse_setting(way.setting);
  if (!setting || (way.prepared && (*setting == Setting::warm || *setting == Setting::boot))) {
    throw cxxopts::exceptions::specification(
        fmt::format("'{}' is no setting, nor one with +prepared", text));
  }
  return way;
}

void run_series(const std::vector<Series>& series, const std::filesystem::path& directory,
                Results& results) {
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
  Runner runner(directory, results, count);
  for (const Series& each : missing) {
    runner.run(each);
  }
  show_progress("");
}

}  // namespace faasnap::bench
