#include "guests/options.h"

#include <cstdlib>
#include <iostream>

#include "common/program.h"

namespace faasnap::bench {
namespace {

using Names = std::vector<std::string>;

// With --quick, and in full.
constexpr unsigned kQuickRepeats = 3;
constexpr unsigned kRepeats = 5;

unsigned repeats(const cxxopts::ParseResult& found) {
  const unsigned otherwise = found.count("quick") != 0 ? kQuickRepeats : kRepeats;
  const unsigned asked = found.count("repeat") != 0 ? found["repeat"].as<unsigned>() : otherwise;
  if (asked == 0) {
    throw cxxopts::exceptions::specification("--repeat must not be 0");
  }
  return asked;
}

}  // namespace

cxxopts::Options guest_command_line(const GuestProgram& program) {
  const auto text = [](const std::string& otherwise) {
    return cxxopts::value<std::string>()->default_value(otherwise);
  };
  cxxopts::Options line(program.name,
                        std::string(program.help) +
                            "\nGoes on where an interrupted run with the same --output stopped.\n");
  line.add_options()("functions", "which ones; without: all that there are",
                     cxxopts::value<Names>()->default_value(""))(
      "settings",
      "the first is what the others are compared with; NAME+prepared: made before the request; "
      "faasnap+gapN: the loading set with this merge gap",
      cxxopts::value<Names>()->default_value(program.settings))(
      "repeat", "invocations of each; without: 5, with --quick 3", cxxopts::value<unsigned>())(
      "quick", "small inputs")("data", "where snapshots go: on a disk, not in memory",
                               text(from_environment("FAASNAP_DATA", "/data") + "/bench"))(
      "output", "a line for each invocation",
      text(from_environment("FAASNAP_RESULTS", "results") + "/" + program.experiment + ".jsonl"))(
      "report", "a page to look at; without: beside the output", cxxopts::value<std::string>())(
      "help", "this text");
  return line;
}

cxxopts::ParseResult parse_command_line(cxxopts::Options& line, int argc, char** argv) {
  auto found = line.parse(argc, argv);
  if (found.count("help") != 0) {
    std::cout << line.help();
    std::exit(0);
  }
  if (!found.unmatched().empty()) {
    throw cxxopts::exceptions::specification("unexpected " + found.unmatched().front());
  }
  return found;
}

GuestOptions guest_options(const GuestProgram& program, const cxxopts::ParseResult& found) {
  GuestOptions options{.experiment = program.experiment, .program = program.name};
  for (const std::string& setting : found["settings"].as<Names>()) {
    options.ways.push_back(parse_way(setting));
  }
  options.repeat = repeats(found);
  options.functions = functions_or_all(found["functions"].as<Names>());
  options.size = found.count("quick") != 0 ? InputSize::quick : InputSize::full;
  options.data = found["data"].as<std::string>();
  options.output = found["output"].as<std::string>();
  options.report = found.count("report") != 0
                       ? std::filesystem::path(found["report"].as<std::string>())
                       : std::filesystem::path(options.output).replace_extension(".html");
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
