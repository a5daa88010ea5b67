// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <faasnap/snapshot.h>

#include "commands/commands.h"
#include "output/progress.h"
#include "run/interruption.h"
#include "settings/vm_settings.h"
#include "tools/failure.h"

namespace faasnap::cli {

int run_verify(const Arguments& arguments) {
  CommandLine line(
      {.name = "faasnap verify",
       .synopsis = "DIR [OPTION]...",
       .text = "Reads every byte of a snapshot, and of the kernel and images that it names, and\n"
               "compares checksums. With a key, compares all of it with the signature, too. If "
               "anything\n"
               "differs, names the damaged file and place; exit status 1.",
       .example = "faasnap verify snapshots/json --trusted-key public.pem"});
  line.positional({"DIR"});
  add_trusted_key_option(line);
  add_bases_option(line);
  add_config_option(line);
  if (!line.parse(arguments)) {
    return tools::kSuccess;
  }
  Interruption interruption;
  const auto keys = trusted_keys(line, load_config(line.optional_text("config")));
  const Snapshot snapshot = open_snapshot(line, line.text("DIR"), keys);
  Steps steps;
  steps.begin("verify");
  snapshot.verify(steps.progress());
  steps.done();
  fmt::print("{}: all checksums match{}\n", snapshot.directory().string(),
             keys ? fmt::format(", signed by key {}", *snapshot.signing_key()) : "");
  return tools::kSuccess;
}

}  // namespace faasnap::cli
