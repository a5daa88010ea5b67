// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <faasnap/snapshot.h>

#include "commands/commands.h"
#include "output/progress.h"
#include "run/interruption.h"
#include "settings/options.h"
#include "tools/failure.h"

namespace faasnap::cli {

int run_verify(const Arguments& arguments) {
  CommandLine line(
      {.name = "faasnap verify",
       .synopsis = "DIR",
       .text =
           "Reads every byte of a snapshot, and of the kernel and images that it names, and\n"
           "compares checksums. If one differs, names the damaged file and place; exit status 1.",
       .example = "faasnap verify snapshots/json"});
  line.positional({"DIR"});
  if (!line.parse(arguments)) {
    return tools::kSuccess;
  }
  Interruption interruption;
  const Snapshot snapshot = Snapshot::open(line.text("DIR"));
  Steps steps;
  steps.begin("verify");
  snapshot.verify([&](Bytes done, Bytes total) { return steps.advance(done, total); });
  steps.done();
  fmt::print("{}: all checksums match\n", snapshot.directory().string());
  return tools::kSuccess;
}

}  // namespace faasnap::cli
