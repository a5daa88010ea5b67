// SPDX-License-Identifier: Apache-2.0

#include "functions/options.h"

#include <fmt/format.h>

namespace faasnap::bench {
namespace {

// Repeats with --quick, and without.
constexpr unsigned kQuickRepeats = 3;
constexpr unsigned kRepeats = 5;
constexpr unsigned kMostRepeats = 1'000'000;

}  // namespace

CommandLine guest_command_line(const GuestProgram& program) {
  CommandLine line({.name = program.name,
                    .text = std::string(program.help) +
                            "\nContinues an interrupted run that had the same --output.",
                    .example = program.example});
  const std::filesystem::path results = from_environment("FAASNAP_RESULTS", "results");
  line.list("functions", "NAMES", "the functions (default: all)");
  line.list("settings", "NAMES",
            "the settings; the first is the reference; NAME+prepared: made before the "
            "request; faasnap+gapN: the loading set with this merge gap",
            program.settings);
  line.option("repeat", "N", "invocations of each (default: 5, with --quick 3)");
  line.flag("quick", "small inputs");
  line.option("data", "DIR", "directory for snapshots, on a disk, not in memory",
              data_directory() / "bench");
  line.option("output", "FILE", "results file, a line for each invocation",
              results / fmt::format("{}.jsonl", program.experiment));
  line.option("report", "FILE", "report page (default: beside the output)");
  return line;
}

GuestOptions guest_options(const GuestProgram& program, const CommandLine& line) {
  const bool quick = line.has("quick");
  GuestOptions options{.experiment = program.experiment, .program = program.name};
  for (const std::string& setting : line.texts("settings")) {
    options.ways.push_back(parse_way(setting));
  }
  options.repeat = static_cast<unsigned>(
      line.optional_number("repeat", 1, kMostRepeats).value_or(quick ? kQuickRepeats : kRepeats));
  options.functions = functions_or_all(line.texts("functions"));
  options.size = quick ? InputSize::quick : InputSize::full;
  options.data = line.text("data");
  options.output = line.text("output");
  options.report = line.optional_text("report").value_or(
      std::filesystem::path(options.output).replace_extension(".html"));
  return options;
}

Point point_of(const GuestOptions& options, const std::string& function, const Way& way,
               unsigned repeat) {
  Point point{{"experiment", options.experiment}, {"function", function}, {"repeat", repeat}};
  point.update(fields_of(way));
  if (!options.disk.empty()) {
    point["disk"] = options.disk;
  }
  return point;
}

}  // namespace faasnap::bench
