// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <iostream>

#include <faasnap/snapshot.h>

#include "commands/commands.h"
#include "commands/inspection.h"
#include "settings/options.h"
#include "settings/vm_settings.h"
#include "tools/failure.h"
#include "tools/json.h"

namespace faasnap::cli {
namespace {

CommandLine inspect_command_line() {
  CommandLine line({.name = "faasnap inspect",
                    .synopsis = "DIR [--plan S [--prepared]] [OPTION]...",
                    .text = "Shows the content of a snapshot, or how a setting would restore it.",
                    .example = "faasnap inspect snapshots/json --plan stream"});
  line.positional({"DIR"});
  line.option("plan", "S",
              "show mappings, reads and zero pages of the setting: lazy, cached, concurrent, "
              "per-region, faasnap, reap or stream");
  line.flag("prepared", "with --plan: for a VM that is prepared before the request");
  line.flag("json", "print a JSON object");
  add_trusted_key_option(line);
  add_bases_option(line);
  add_config_option(line);
  return line;
}

// Returns the recording as one of the snapshot `id`: only recordings of one image can be compared.
WorkingSet of_snapshot(const WorkingSet& recording, const std::string& id) {
  return {id, recording.memory(), recording.groups()};
}

}  // namespace

Inspection::Inspection(const Snapshot& inspected, bool checked)
    : snapshot(inspected),
      signature_checked(checked),
      by_mincore(inspected.working_set(Recorder::mincore)),
      by_userfaultfd(inspected.working_set(Recorder::userfaultfd)) {
  if (by_mincore && by_userfaultfd) {
    const std::string& id = snapshot.info().id;
    similarity =
        WorkingSet::similarity(of_snapshot(*by_mincore, id), of_snapshot(*by_userfaultfd, id));
  }
}

int run_inspect(const Arguments& arguments) {
  CommandLine line = inspect_command_line();
  if (!line.parse(arguments)) {
    return tools::kSuccess;
  }
  if (line.has("prepared") && !line.has("plan")) {
    throw tools::UsageError("--prepared needs --plan");
  }
  std::optional<Setting> setting;
  if (const auto name = line.optional_text("plan")) {
    setting = parse_setting_option(*name, "--plan");
  }
  const auto keys = trusted_keys(line, load_config(line.optional_text("config")));
  const Snapshot snapshot = open_snapshot(line, line.text("DIR"), keys);
  const bool as_json = line.has("json");
  if (setting) {
    const RestorePlan plan = snapshot.plan(*setting, line.has("prepared"));
    as_json ? void(std::cout << tools::to_text(to_json(plan), true) << "\n") : print(plan);
  } else {
    const Inspection inspection(snapshot, keys.has_value());
    as_json ? void(std::cout << tools::to_text(to_json(inspection), true) << "\n")
            : print(inspection);
  }
  return tools::kSuccess;
}

}  // namespace faasnap::cli
