// SPDX-License-Identifier: Apache-2.0

// Ablation: the steps from the plain restore to the fastest, and the gain of each.

#include <fmt/format.h>

#include <algorithm>

#include "functions/run.h"
#include "harness/conditions.h"
#include "harness/program.h"
#include "replay/options.h"
#include "replay/report.h"

namespace faasnap::bench {
namespace {

constexpr const char* kProgram = "bench_ablation";

// One step from the plain restore to the fastest (FaaSnap, section 6.5, and later ones).
struct AblationStep {
  // What this step adds to the one before.
  const char* adds;
  ReplayWay way;
};

// In order. The last is the lower bound: nothing is left to restore.
const std::vector<AblationStep>& ablation_steps() {
  static const std::vector<AblationStep> steps{
      {"nothing: the memory file mapped", {Setting::lazy, false}},
      {"recorded pages read meanwhile", {Setting::concurrent, false}},
      {"anonymous memory for zero pages", {Setting::per_region, false}},
      {"a compact file of them", {Setting::faasnap, false}},
      {"prepared, with its zero pages", {Setting::faasnap, true}},
      {"pages installed and not mapped", {Setting::stream, false}},
      {"preparation before the request", {Setting::stream, true}},
      {"the floor: all pages present", {tools::Warm{}, true}},
  };
  return steps;
}

std::vector<ReplayWay> ways_of_all_steps() {
  // The reference of every ratio, once for each of the two ways to prepare.
  std::vector<ReplayWay> ways{{Setting::cached, false}, {Setting::cached, true}};
  for (const AblationStep& step : ablation_steps()) {
    ways.push_back(step.way);
  }
  return ways;
}

void print(const std::vector<Summary>& summaries) {
  fmt::print("{:21} {:33} {:>9} {:>8} {:>8} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6}\n", "setting",
             "adds", "total", "cached x", "speed-up", "minor", "major", "uffd", "maps", "read",
             "PSS");
  double last = 0;
  for (const AblationStep& step : ablation_steps()) {
    const auto found =
        std::find_if(summaries.begin(), summaries.end(),
                     [&](const Summary& summary) { return summary.way == step.way; });
    fmt::print(
        "{:21} {:33} {:9.2f} {:8.2f} {:>8} {:6.0f} {:6.0f} {:6.0f} {:6.0f} {:6.1f} {:6.1f}\n",
        step.way.name(), step.adds, found->total, found->ratio,
        last == 0 ? "" : fmt::format("{:.2f}", last / found->total), found->minor, found->major,
        found->uffd, found->mappings, found->read, found->proportional);
    last = found->total;
  }
  std::fflush(stdout);
}

void replay_steps(const ReplayOptions& options) {
  std::filesystem::create_directories(options.directory);
  nlohmann::json conditions_of_run = conditions(options.directory);
  conditions_of_run["accelerator"] = "none";
  fmt::print(
      "{}\nmedians of {} interleaved rounds, cold (mincore); times in ms, memory in MiB; "
      "speed-up: of this step\n",
      describe(conditions_of_run), options.repeat);
  for (const std::string& name : options.traces) {
    Experiment experiment = make_experiment(options, name);
    experiment.ways = ways_of_all_steps();
    ReplayRig rig(experiment);
    for (const Compute& compute : computes_for(options, experiment.trace)) {
      const Samples samples =
          rig.run(compute, [&](const ReplayWay& way, unsigned round, const Sample&) {
            show_progress(fmt::format("{}, {}: {} {}/{}", experiment.trace.name, describe(compute),
                                      way.name(), round + 1, options.repeat));
          });
      show_progress("");
      fmt::print("\n{}, compute {}\n", experiment.trace.name, describe(compute));
      print(summarize(samples, experiment.ways));
    }
  }
}

std::vector<Way> ways_of_guests() {
  std::vector<Way> ways;
  for (const AblationStep& step : ablation_steps()) {
    const bool restored = tools::is_restored(step.way.origin);
    ways.push_back({to_string(step.way.origin), step.way.prepared && restored});
  }
  return ways;
}

// Measures the same steps with real guests; each function has another input than the recorded one.
int invoke_steps(const CommandLine& line) {
  constexpr std::uint64_t kMostRepeats = 1'000'000;
  const GuestOptions options{
      .experiment = "ablation",
      .program = kProgram,
      .functions = functions_or_all(line.texts("functions")),
      .ways = ways_of_guests(),
      .repeat = static_cast<unsigned>(line.number("repeat", 1, kMostRepeats)),
      .data = line.text("data"),
      .output = line.text("output")};
  return run_experiment(options, changed_input(options), std::vector<std::string>{"function"});
}

CommandLine command_line() {
  const std::filesystem::path results = from_environment("FAASNAP_RESULTS", "results");
  CommandLine line(
      {.name = kProgram,
       .text = "Measures the steps from the plain restore to the fastest: replays a trace, "
               "which needs no KVM,\nor with --guests invokes functions.",
       .example = "bench_ablation --trace synthetic --compute 20"});
  add_replay_options(line);
  line.flag("guests", "invoke functions in real guests");
  line.list("functions", "NAMES", "with --guests: the functions (default: all of the image)");
  line.option("data", "DIR", "with --guests: directory for snapshots", data_directory() / "bench");
  line.option("output", "FILE", "with --guests: results file, a line for each invocation",
              results / "ablation.jsonl");
  return line;
}

int run(const CommandLine& line) {
  if (line.has("guests")) {
    return invoke_steps(line);
  }
  replay_steps(replay_options(line));
  return 0;
}

}  // namespace
}  // namespace faasnap::bench

int main(int argc, char** argv) {
  using namespace faasnap::bench;
  return run_program(argc, argv, command_line, run);
}
