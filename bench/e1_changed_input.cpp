// E1, changed input (FaaSnap, section 6.2): every function is recorded with its first input and
// invoked with its second, cold, under each setting in turn.

#include <cstdlib>
#include <cxxopts.hpp>
#include <iostream>

#include "common/program.h"
#include "guests/changed_input.h"

namespace faasnap::bench {
namespace {

constexpr const char* kProgram = "bench_e1_changed_input";

ChangedInput parse(int argc, char** argv) {
  const auto list = [](const char* otherwise) {
    return cxxopts::value<std::vector<std::string>>()->default_value(otherwise);
  };
  const auto text = [](const std::string& otherwise) {
    return cxxopts::value<std::string>()->default_value(otherwise);
  };
  cxxopts::Options line(
      kProgram,
      "Records each function with its first input and invokes it with its second under each "
      "setting, cold. Goes on where an interrupted run with the same --output stopped.\n"
      "Example: bench_e1_changed_input --quick --functions json,hello --output e1.jsonl\n");
  line.add_options()("functions", "which ones; without: all of the image", list(""))(
      "settings",
      "the first is what the others are compared with; NAME+prepared: made before the "
      "request",
      list("cached,warm,lazy,reap,faasnap,stream,stream+prepared"))(
      "repeat", "invocations of each; without: 5, with --quick 3", cxxopts::value<unsigned>())(
      "quick", "small inputs")("data", "where snapshots go: on a disk, not in memory",
                               text(from_environment("FAASNAP_DATA", "/data") + "/bench"))(
      "output", "a line for each invocation",
      text(from_environment("FAASNAP_RESULTS", "results") + "/e1.jsonl"))(
      "report", "a page to look at; without: beside the output", cxxopts::value<std::string>())(
      "help", "this text");
  const auto found = line.parse(argc, argv);
  if (found.count("help") != 0) {
    std::cout << line.help();
    std::exit(0);
  }
  ChangedInput options{.name = "e1", .program = kProgram};
  options.functions = functions_or_all(found["functions"].as<std::vector<std::string>>());
  for (const std::string& setting : found["settings"].as<std::vector<std::string>>()) {
    options.ways.push_back(parse_way(setting));
  }
  const bool quick = found.count("quick") != 0;
  options.size = quick ? InputSize::quick : InputSize::full;
  options.repeat = found.count("repeat") != 0 ? found["repeat"].as<unsigned>() : quick ? 3 : 5;
  options.data = found["data"].as<std::string>();
  options.output = found["output"].as<std::string>();
  options.report = found.count("report") != 0
                       ? std::filesystem::path(found["report"].as<std::string>())
                       : std::filesystem::path(options.output).replace_extension(".html");
  if (options.repeat == 0) {
    throw cxxopts::exceptions::specification("--repeat must not be 0");
  }
  return options;
}

}  // namespace
}  // namespace faasnap::bench

int main(int argc, char** argv) {
  using namespace faasnap::bench;
  return run_program(kProgram, [&] { return measure(parse(argc, argv)); });
}
