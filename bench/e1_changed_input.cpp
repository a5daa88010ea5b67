// SPDX-License-Identifier: Apache-2.0

// E1, changed input (FaaSnap, section 6.2): records every function with its first input and invokes
// it with its second, cold, under each setting in turn.

#include "functions/run.h"
#include "harness/program.h"

namespace faasnap::bench {
namespace {

constexpr GuestProgram kProgram{
    .name = "bench_e1_changed_input",
    .experiment = "e1",
    .help =
        "Records each function with its first input and invokes it with its second under each "
        "setting, cold.",
    .example = "bench_e1_changed_input --quick --functions json,hello --output e1.jsonl",
    .settings = "cached,warm,lazy,reap,faasnap,stream,stream+prepared"};

CommandLine command_line() { return guest_command_line(kProgram); }

int run(const CommandLine& line) {
  const GuestOptions options = guest_options(kProgram, line);
  return run_experiment(options, changed_input(options), std::vector<std::string>{"function"});
}

}  // namespace
}  // namespace faasnap::bench

int main(int argc, char** argv) {
  using namespace faasnap::bench;
  return run_program(argc, argv, command_line, run);
}
