// Ablation: from the plain restore step by step to the fastest, what each step adds and is worth.

#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "ablation/steps.h"
#include "common/conditions.h"
#include "common/program.h"
#include "guests/run.h"
#include "replay/options.h"
#include "replay/report.h"

namespace faasnap::bench {
namespace {

constexpr const char* kProgram = "bench_ablation";

std::vector<Case> ways_of_all_steps() {
  // What every ratio is to, twice, since it is made both ways.
  std::vector<Case> ways{{Setting::cached, false}, {Setting::cached, true}};
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
      "{}\nmedians of {} interleaved rounds, cold by mincore; times in ms, memory in MiB; "
      "speed-up: by this step\n",
      describe(conditions_of_run), options.repeat);
  for (const std::string& name : options.traces) {
    Experiment experiment = make_experiment(options, name);
    experiment.ways = ways_of_all_steps();
    ReplayRig rig(experiment);
    for (const Compute& compute : computes_for(options, experiment.trace)) {
      const Samples samples = rig.run(compute, [&](const Case& way, unsigned round, const Sample&) {
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
    const bool warm = step.way.setting == Setting::warm;
    ways.push_back({to_string(step.way.setting), step.way.prepared && !warm});
  }
  return ways;
}

// The same steps with real guests, each function with another input than recorded.
int invoke_steps(const cxxopts::ParseResult& found) {
  const GuestOptions options{
      .experiment = "ablation",
      .program = kProgram,
      .functions = functions_or_all(found["functions"].as<std::vector<std::string>>()),
      .ways = ways_of_guests(),
      .repeat = count_option(found, "repeat"),
      .data = found["data"].as<std::string>(),
      .output = found["output"].as<std::string>()};
  return run_experiment(options, changed_input(options), std::vector<std::string>{"function"});
}

}  // namespace
}  // namespace faasnap::bench

int main(int argc, char** argv) {
  using namespace faasnap::bench;
  return run_program(kProgram, [&] {
    cxxopts::Options line(kProgram,
                          "From the plain restore step by step to the fastest: replays a trace, "
                          "which needs no KVM, or "
                          "with --guests invokes functions.\n"
                          "Example: bench_ablation --trace synthetic --compute 20\n");
    add_replay_options(line);
    line.add_options()("guests", "invoke functions in real guests")(
        "functions", "of --guests; without: all of the image",
        cxxopts::value<std::vector<std::string>>()->default_value(""))(
        "data", "of --guests: where snapshots go",
        cxxopts::value<std::string>()->default_value(from_environment("FAASNAP_DATA", "/data") +
                                                     "/bench"))(
        "output", "of --guests: a line for each invocation",
        cxxopts::value<std::string>()->default_value(
            from_environment("FAASNAP_RESULTS", "results") + "/ablation.jsonl"));
    const auto found = line.parse(argc, argv);
    if (found.count("help") != 0) {
      std::cout << line.help();
    } else if (found.count("guests") != 0) {
      return invoke_steps(found);
    } else {
      replay_steps(replay_options(found));
    }
    return 0;
  });
}
