// SPDX-License-Identifier: Apache-2.0

// Replay: the library's own files, plans, mappings, loaders and fault handlers at native speed,
// with a thread in place of the guest that touches pages as a recorded invocation did.

#include <fmt/format.h>

#include <map>

#include "harness/conditions.h"
#include "harness/json_lines.h"
#include "harness/program.h"
#include "harness/statistics.h"
#include "replay/options.h"
#include "replay/report.h"
#include "report/charts/charts.h"
#include "report/charts/sheet.h"
#include "report/new_files.h"

namespace faasnap::bench {
namespace {

using nlohmann::json;

// Ends the name of a setting that restores from a compressed set.
constexpr std::string_view kCompressed = "+lz4";

struct Options {
  ReplayOptions replay{};
  std::vector<ReplayWay> ways{};
  unsigned parallel = 1;
  bool distinct = false;
  // Empty if not wanted.
  std::filesystem::path json{};
  std::filesystem::path svg{};
};

std::vector<ReplayWay> ways_of(const std::vector<std::string>& settings, const std::string& mode) {
  if (mode != "prepared" && mode != "unprepared" && mode != "both") {
    throw UsageError("--mode: expected prepared, unprepared or both");
  }
  std::vector<ReplayWay> ways;
  for (const std::string& name : settings) {
    const bool compressed = name.ends_with(kCompressed);
    const auto compression = compressed ? Compression::lz4 : Compression::none;
    const tools::Origin origin =
        replayed_origin(compressed ? name.substr(0, name.size() - kCompressed.size()) : name);
    if (mode != "prepared" && !tools::is_warm(origin)) {
      ways.push_back({origin, false, compression});
    }
    if (mode != "unprepared" || tools::is_warm(origin)) {
      ways.push_back({origin, true, compression});
    }
  }
  return ways;
}

CommandLine command_line() {
  CommandLine line(
      {.name = "bench_replay",
       .text = "Replays the memory accesses of functions against the library's own paging, with "
               "a thread\nin place of the guest; needs no KVM.",
       .example = "bench_replay --trace synthetic --settings lazy,cached,stream --compute 0,20"});
  line.list("settings", "NAMES",
            "the settings to compare; NAME+lz4: from a snapshot with a compressed stream set",
            "lazy,cached,reap,concurrent,per-region,faasnap,stream");
  line.option("mode", "MODE", "prepared, unprepared or both", "both");
  line.option("parallel", "N", "number of simultaneous memories", "1");
  line.flag("same", "restore all of them from one snapshot (default)");
  line.flag("distinct", "restore each of them from its own copy");
  line.option("json", "FILE", "results file, a JSON object per replay");
  line.option("svg", "FILE", "a picture of the results");
  add_replay_options(line);
  return line;
}

Options options_of(const CommandLine& line) {
  constexpr std::uint64_t kMostMemories = 10'000;
  const Options options{
      .replay = replay_options(line),
      .ways = ways_of(line.texts("settings"), line.text("mode")),
      .parallel = static_cast<unsigned>(line.number("parallel", 1, kMostMemories)),
      .distinct = line.has("distinct"),
      .json = line.optional_text("json").value_or(""),
      .svg = line.optional_text("svg").value_or("")};
  if (options.ways.empty()) {
    throw UsageError("nothing to do: no settings");
  }
  if (options.distinct && line.has("same")) {
    throw UsageError("--same and --distinct exclude each other");
  }
  return options;
}

class Replays {
 public:
  explicit Replays(const Options& options) : options_(options), records_(options.json) {}

  void run() {
    std::filesystem::create_directories(options_.replay.directory);
    json conditions_of_run = conditions(options_.replay.directory);
    conditions_of_run["accelerator"] = "none";
    records_.add({{"conditions", conditions_of_run}});
    fmt::print(
        "{}\nmedians of {} interleaved rounds, cold (cached: warm) by mincore; "
        "times in ms, memory in MiB; ratio: to cached, of the same round\n",
        describe(conditions_of_run), options_.replay.repeat);
    for (const std::string& name : options_.replay.traces) {
      replay(name);
    }
    print_means();
    if (!options_.svg.empty()) {
      draw(conditions_of_run);
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
      const Samples samples =
          rig.run(compute, [&](const ReplayWay& way, unsigned round, const Sample& sample) {
            show_progress(fmt::format("{}, {}: {} {}/{}", experiment.trace.name, describe(compute),
                                      way.name(), round + 1, options_.replay.repeat));
            json record = to_json(sample);
            record.update(label(experiment, compute));
            record.update({{"setting", to_string(way.origin)},
                           {"prepared", way.prepared},
                           {"compression", to_string(way.compression)},
                           {"round", round}});
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
            {"changed", options_.replay.changed},
            {"base_percent", options_.replay.base.percent},
            {"base_cold", options_.replay.base.cold}};
  }

  void print(const Experiment& experiment, const Compute& compute,
             const std::vector<Summary>& summaries) {
    const std::string title =
        fmt::format("{}, compute {}", experiment.trace.name, describe(compute));
    fmt::print("\n{}{}\n{}", title, circumstances(), table_head());
    std::vector<report::Bar> bars;
    for (const Summary& summary : summaries) {
      fmt::print("{}", table_row(summary));
      json record = to_json(summary);
      record.update(label(experiment, compute));
      records_.add({{"median", record}});
      if (summary.ratio > 0) {
        ratios_[{describe(compute), summary.way}].push_back(summary.ratio);
        bars.push_back(bar_of(summary));
      }
    }
    std::fflush(stdout);
    pictures_.push_back(report::bar_chart(title, bars, report::kRatio));
  }

  static report::Bar bar_of(const Summary& summary) {
    const std::string times = fmt::format("{:.2f} ({:.1f} ms)", summary.ratio, summary.total);
    return {.label = summary.way.name(),
            .colour = report::colour_class(to_string(summary.way.origin)),
            .parts = {summary.ratio},
            .note = times,
            .tip = fmt::format("{}: {}", summary.way.name(), times)};
  }

  void draw(const json& conditions_of_run) const {
    report::NewFiles files;
    files.add(options_.svg,
              report::draw(report::Sheet{
                  .title = "Replay",
                  .explanation = "Restore and replay, as a multiple of the time with the whole "
                                 "image in memory.",
                  .pictures = pictures_,
                  .conditions = "Measured with " + describe(conditions_of_run)}));
    files.commit();
  }

  std::string circumstances() const {
    std::string text;
    if (options_.replay.changed) {
      text += ", recorded with another input";
    }
    if (options_.replay.unpredicted != 0) {
      text += fmt::format(", {} pages not predicted", options_.replay.unpredicted);
    }
    if (options_.replay.base.percent != 0) {
      text +=
          fmt::format(", {} % of the pages from a base that is {}", options_.replay.base.percent,
                      options_.replay.base.cold ? "cold" : "in the page cache");
    }
    if (options_.parallel > 1) {
      text += fmt::format(", {} at once from {} (faults, memory: sums)", options_.parallel,
                          options_.distinct ? "copies" : "one snapshot");
    }
    return text;
  }

  // Prints means over the traces if there are several.
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
  JsonLines records_;
  report::Pictures pictures_;
  std::map<std::pair<std::string, ReplayWay>, std::vector<double>> ratios_;
};

int run(const CommandLine& line) {
  const Options options = options_of(line);
  Replays(options).run();
  return 0;
}

}  // namespace
}  // namespace faasnap::bench

int main(int argc, char** argv) {
  using namespace faasnap::bench;
  return run_program(argc, argv, command_line, run);
}
