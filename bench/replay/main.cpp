// Replay: the library's own files, plans, mappings, prefetchers and fault handlers at native speed,
// with a thread in the place of the guest that touches pages as a recorded invocation did.

#include <fmt/format.h>

#include <fstream>
#include <iostream>
#include <optional>

#include "common/bar_chart.h"
#include "common/conditions.h"
#include "common/program.h"
#include "common/statistics.h"
#include "replay/options.h"
#include "replay/report.h"

namespace faasnap::bench {
namespace {

using nlohmann::json;

// Writes one JSON object a line where a file is asked for.
class Records {
 public:
  explicit Records(const std::filesystem::path& file) {
    if (!file.empty()) {
      stream_.exceptions(std::ios::failbit | std::ios::badbit);
      stream_.open(file);
    }
  }
  void add(const json& record) {
    if (stream_.is_open()) {
      stream_ << record.dump() << '\n' << std::flush;
    }
  }

 private:
  std::ofstream stream_;
};

using Words = std::vector<std::string>;
using Wrong = cxxopts::exceptions::specification;

struct Options {
  ReplayOptions replay{};
  std::vector<Case> ways{};
  unsigned parallel = 1;
  bool distinct = false;
  // Empty: none.
  std::filesystem::path json{};
  std::filesystem::path svg{};
};

std::vector<Case> ways_of(const Words& settings, const std::string& mode) {
  if (mode != "prepared" && mode != "unprepared" && mode != "both") {
    throw Wrong("--mode is prepared, unprepared or both");
  }
  std::vector<Case> ways;
  for (const std::string& name : settings) {
    const Setting setting = replayed_setting(name);
    if (mode != "prepared" && setting != Setting::warm) {
      ways.push_back({setting, false});
    }
    if (mode != "unprepared" || setting == Setting::warm) {
      ways.push_back({setting, true});
    }
  }
  return ways;
}

// Nothing where the help was asked for, and printed.
std::optional<Options> parse(int argc, char** argv) {
  cxxopts::Options line(
      "bench_replay",
      "Replays what functions did to their memory against the library's own paging, with a thread "
      "in the place of the guest; needs no KVM.\n"
      "Example: bench_replay --trace synthetic --settings lazy,cached,stream --compute 0,20\n");
  const auto text = [](const char* value) {
    return cxxopts::value<std::string>()->default_value(value);
  };
  line.add_options()("settings", "to compare",
                     cxxopts::value<Words>()->default_value(
                         "lazy,cached,reap,concurrent,per-region,faasnap,stream"))(
      "mode", "prepared, unprepared or both", text("both"))(
      "parallel", "memories at once", text("1"))("same",
                                                 "all of them from one snapshot (the default)")(
      "distinct", "each of them from its own copy")("json", "file for one JSON object per replay",
                                                    text(""))("svg", "file for a picture",
                                                              text(""));
  add_replay_options(line);
  const auto found = line.parse(argc, argv);
  if (found.count("help") != 0) {
    std::cout << line.help();
    return std::nullopt;
  }
  Options options;
  options.replay = replay_options(found);
  options.ways = ways_of(found["settings"].as<Words>(), found["mode"].as<std::string>());
  options.parallel = count_option(found, "parallel");
  options.distinct = found.count("distinct") != 0;
  options.json = found["json"].as<std::string>();
  options.svg = found["svg"].as<std::string>();
  if (options.parallel == 0 || options.ways.empty()) {
    throw Wrong("nothing to do: no settings or no memories");
  }
  if (options.distinct && found.count("same") != 0) {
    throw Wrong("--same and --distinct exclude each other");
  }
  return options;
}

class Replays {
 public:
  explicit Replays(const Options& options)
      : options_(options),
        records_(options.json),
        chart_("Restore and replay, as a multiple of the time with the whole image in memory") {}

  void run() {
    std::filesystem::create_directories(options_.replay.directory);
    json conditions_of_run = conditions(options_.replay.directory);
    conditions_of_run["accelerator"] = "none";
    records_.add({{"conditions", conditions_of_run}});
    fmt::print(
        "{}\nmedians of {} interleaved rounds, cold by mincore (cached: warm by mincore); "
        "times in ms, memory in MiB; ratio: to cached, of the same round\n",
        describe(conditions_of_run), options_.replay.repeat);
    for (const std::string& name : options_.replay.traces) {
      replay(name);
    }
    print_means();
    if (!options_.svg.empty()) {
      chart_.write(options_.svg);
    }
  }

 private:
  void replay(const std::string& name) {
    Experiment experiment = make_experiment(options_.replay, name);
    experiment.ways = options_.ways;
    experiment.parallel = options_.parallel;
    experiment.distinct = options_.distinct;
    show_progress(experiment.trace.name + ": image");
    ReplayRig rig(experiment);
    for (const Compute& compute : computes_for(options_.replay, experiment.trace)) {
      const Samples samples = rig.run(compute, [&](const Case& way, unsigned round,
                                                   const Sample& sample) {
        show_progress(fmt::format("{}, {}: {} {}/{}", experiment.trace.name, describe(compute),
                                  way.name(), round + 1, options_.replay.repeat));
        json record = to_json(sample);
        record.update(label(experiment, compute));
        record.update(
            {{"setting", to_string(way.setting)}, {"prepared", way.prepared}, {"round", round}});
        records_.add(record);
      });
      show_progress("");
      print(experiment, compute, summarize(samples, experiment.ways));
    }
  }

  json label(const Experiment& experiment, const Compute& compute) const {
    return {{"trace", experiment.trace.name},
            {"compute", describe(compute)},
            {"parallel", experiment.parallel},
            {"distinct", experiment.distinct},
            {"unpredicted", options_.replay.unpredicted},
            {"changed", options_.replay.changed}};
  }

  void print(const Experiment& experiment, const Compute& compute,
             const std::vector<Summary>& summaries) {
    const std::string title =
        fmt::format("{}, compute {}", experiment.trace.name, describe(compute));
    fmt::print("\n{}{}\n{}", title, circumstances(), table_head());
    BarChart::Group group{title, {}};
    for (const Summary& summary : summaries) {
      fmt::print("{}", table_row(summary));
      json record = to_json(summary);
      record.update(label(experiment, compute));
      records_.add({{"median", record}});
      if (summary.ratio > 0) {
        ratios_[{describe(compute), summary.way}].push_back(summary.ratio);
        group.bars.push_back({summary.way.name(), summary.ratio,
                              fmt::format("{:.2f} ({:.1f} ms)", summary.ratio, summary.total)});
      }
    }
    std::fflush(stdout);
    chart_.add(std::move(group));
  }

  std::string circumstances() const {
    std::string text;
    if (options_.replay.changed) {
      text += ", recorded with another input";
    }
    if (options_.replay.unpredicted != 0) {
      text += fmt::format(", {} pages not predicted", options_.replay.unpredicted);
    }
    if (options_.parallel > 1) {
      text += fmt::format(", {} at once from {} (faults, memory: sums)", options_.parallel,
                          options_.distinct ? "copies" : "one snapshot");
    }
    return text;
  }

  // Over the traces, where there are several.
  void print_means() const {
    if (options_.replay.traces.size() < 2) {
      return;
    }
    fmt::print("\nratio to cached over {} traces\n{:10} {:21} {:>9} {:>9}\n",
               options_.replay.traces.size(), "compute", "setting", "geo. mean", "largest");
    for (const auto& [key, ratios] : ratios_) {
      fmt::print("{:10} {:21} {:9.2f} {:9.2f}\n", key.first, key.second.name(),
                 geometric_mean(ratios), quantile(ratios, 1));
    }
  }

  const Options& options_;
  Records records_;
  BarChart chart_;
  std::map<std::pair<std::string, Case>, std::vector<double>> ratios_;
};

}  // namespace
}  // namespace faasnap::bench

int main(int argc, char** argv) {
  using namespace faasnap::bench;
  return run_program("bench_replay", [&] {
    if (const auto options = parse(argc, argv)) {
      Replays(*options).run();
    }
    return 0;
  });
}
