// SPDX-License-Identifier: Apache-2.0

#include "replay/options.h"

#include <fmt/format.h>

namespace faasnap::bench {
namespace {

constexpr std::uint64_t kMostRounds = 1'000'000;
constexpr std::uint64_t kMostPages = 1 << 22;

Compute parse_compute(const std::string& text) {
  constexpr double kMostMs = 60'000;
  if (text == "recorded") {
    return {};
  }
  const auto ms = tools::parse_decimal(text);
  if (!ms || *ms < 0 || *ms > kMostMs) {
    throw UsageError(fmt::format("--compute {}: expected 'recorded' or ms up to 60000", text));
  }
  return {Nanoseconds(static_cast<std::int64_t>(*ms * 1e6))};
}

// "all" stands for every function that has traces.
std::vector<std::string> traces_of(const CommandLine& line) {
  std::vector<std::string> traces = line.texts("trace");
  if (traces != std::vector<std::string>{"all"}) {
    return traces;
  }
  traces = traced_functions();
  if (!line.has("changed")) {
    for (std::string& name : traces) {
      name = fmt::format("{}-second", name);
    }
  }
  return traces;
}

}  // namespace

void add_replay_options(CommandLine& line) {
  line.list("trace", "NAMES",
            "synthetic, names in bench/traces, or files; with --changed functions; or all",
            "synthetic");
  line.list("compute", "TIMES",
            "compute time: recorded, or ms in all (default: recorded; synthetic: 0,20,100)");
  line.option("repeat", "N", "rounds", "7");
  line.flag("quick", "3 rounds");
  line.option("unpredicted", "N", "pages with data that the recording misses", "0");
  line.flag("changed", "record FUNCTION-first, replay FUNCTION-second");
  line.option("merge-gap", "N", "merge gap of the loading set, in pages", "32");
  line.option("base", "PERCENT", "pages of the image that a base has, which is in the page cache",
              "0");
  line.flag("base-cold", "the base is not in the page cache");
  line.option("directory", "DIR", "directory for images, on a disk, not in memory",
              data_directory() / "replay");
}

tools::Origin replayed_origin(const std::string& name) {
  const auto origin = tools::parse_origin(name);
  if (!origin || std::holds_alternative<tools::Boot>(*origin)) {
    throw UsageError(fmt::format("unknown setting {}", name));
  }
  return *origin;
}

ReplayOptions replay_options(const CommandLine& line) {
  ReplayOptions options;
  options.traces = traces_of(line);
  options.changed = line.has("changed");
  for (const std::string& text : line.texts("compute")) {
    options.computes.push_back(parse_compute(text));
  }
  options.thresholds.merge_gap_pages = line.number("merge-gap", 0, kMostPages);
  options.repeat =
      line.has("quick") ? 3 : static_cast<unsigned>(line.number("repeat", 1, kMostRounds));
  options.unpredicted = line.number("unpredicted", 0, kMostPages);
  options.base = {.percent = line.number("base", 0, 100), .cold = line.has("base-cold")};
  if (options.base.cold && options.base.percent == 0) {
    throw UsageError("--base-cold: there is no base; --base expects its share of the pages");
  }
  options.directory = line.text("directory");
  if (options.traces.empty()) {
    throw UsageError("nothing to do: no traces");
  }
  if (options.changed && options.unpredicted != 0) {
    throw UsageError("--changed and --unpredicted exclude each other");
  }
  return options;
}

}  // namespace faasnap::bench
