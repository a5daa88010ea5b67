// SPDX-License-Identifier: Apache-2.0

// E2, input size (FaaSnap, section 6.3): records every function that takes inputs of several sizes
// with one of middle size, and invokes it with others, from a quarter to four times of that size.

#include "functions/run.h"
#include "harness/program.h"

namespace faasnap::bench {
namespace {

constexpr GuestProgram kProgram{
    .name = "bench_e2_input_size",
    .experiment = "e2",
    .help =
        "Records each function with an input of middle size and invokes it with others, from a "
        "quarter to four times of that size, under each setting, cold.",
    .example = "bench_e2_input_size --quick --functions json,matmul --repeat 1",
    .settings = "cached,lazy,reap,faasnap,stream"};

// Index of the size that a function is recorded with; it is invoked with all others.
constexpr std::size_t kRecorded = 2;

// Returns the functions that have inputs of several sizes. Throws UsageError if a function that was
// asked for by name has none.
std::vector<std::string> functions_with_sizes(const GuestOptions& options, bool all) {
  std::vector<std::string> functions;
  for (const std::string& function : options.functions) {
    if (!inputs_by_size(function, options.size).empty()) {
      functions.push_back(function);
    } else if (!all) {
      throw UsageError(function + " does not have inputs of several sizes");
    }
  }
  return functions;
}

Series series_of(const std::string& function, const GuestOptions& options) {
  const std::vector<SizedInput> inputs = inputs_by_size(function, options.size);
  Series series{function, inputs.at(kRecorded).input, {}};
  for (unsigned i = 0; i < options.repeat; ++i) {
    for (const SizedInput& input : inputs) {
      if (&input == &inputs[kRecorded]) {
        continue;
      }
      for (const Way& way : options.ways) {
        Point point = point_of(options, function, way, i);
        point["input_name"] = input.name;
        point["input_size"] = input.size;
        series.invocations.push_back({point, input.input, way});
      }
    }
  }
  return series;
}

CommandLine command_line() { return guest_command_line(kProgram); }

int run(const CommandLine& line) {
  GuestOptions options = guest_options(kProgram, line);
  options.functions = functions_with_sizes(options, !line.has("functions"));
  std::vector<Series> series;
  for (const std::string& function : options.functions) {
    series.push_back(series_of(function, options));
  }
  return run_experiment(options, series, std::vector<std::string>{"function", "input_name"});
}

}  // namespace
}  // namespace faasnap::bench

int main(int argc, char** argv) {
  using namespace faasnap::bench;
  return run_program(argc, argv, command_line, run);
}
