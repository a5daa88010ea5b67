// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <iostream>
#include <string>
#include <utility>

#include <faasnap/function_recorder.h>

#include "commands/commands.h"
#include "output/progress.h"
#include "run/interruption.h"
#include "run/recording.h"
#include "settings/config.h"
#include "settings/subcommands.h"
#include "settings/vm_settings.h"
#include "tools/failure.h"
#include "tools/json.h"

namespace faasnap::cli {
namespace {

int run_base_make(const Arguments& arguments) {
  CommandLine line(
      {.name = "faasnap base make",
       .synopsis = "DIR [--function NAME [--input JSON]] [OPTION]...",
       .text =
           "Boots a microVM and makes a snapshot of it in DIR when it is ready: the base of the\n"
           "functions of its image (faasnap record --base DIR). A function that is named is "
           "invoked\n"
           "once before, so that what it loads is shared: the runtime of its language, and "
           "modules.",
       .example = "faasnap base make snapshots/base --function hello"});
  line.positional({"DIR"});
  line.option("function", "NAME", "invoke this function once before the snapshot is made");
  add_input_option(line);
  add_free_memory_option(line);
  line.flag("json", "print a JSON record");
  add_image_options(line, true);
  add_worker_option(line);
  add_store_options(line);
  add_config_option(line);
  if (!line.parse(arguments)) {
    return tools::kSuccess;
  }
  const Interruption interruption;
  const Config config = load_config(line.optional_text("config"));
  std::string function = line.optional_text("function").value_or("");
  if (!function.empty()) {
    function = checked_function_name(std::move(function));
  }
  const std::string input = tools::to_text(parse_input(line.text("input")));
  FunctionRecorderOptions options;
  options.free_memory = free_memory_mode(line, config);
  options.guest = vm_options(line, config, "");
  FunctionHost host(prepare_store(line, config));
  Steps steps;
  const Snapshot base =
      FunctionRecorder(host, options)
          .make_base(line.text("DIR"), function, input, shown_by(steps, interruption));
  steps.done();
  if (line.has("json")) {
    std::cout << tools::to_text({{"snapshot", base.directory().string()},
                                 {"id", base.info().id},
                                 {"free_memory", to_string(options.free_memory)},
                                 {"nonzero_pages", base.info().nonzero_pages}})
              << "\n";
  } else {
    fmt::print("{}: {} pages\n", base.directory().string(), base.info().nonzero_pages);
  }
  return tools::kSuccess;
}

constexpr Subcommand kBaseSubcommands[] = {
    {"make", "DIR", "make a base of an image", run_base_make},
};

}  // namespace

int run_base(const Arguments& arguments) {
  return run_subcommand(
      "base",
      "Makes the snapshot that those of an image's functions are layers over: what they share is\n"
      "on disk and in memory once.",
      "  faasnap base make snapshots/base\n"
      "  faasnap record json --base snapshots/base --snapshot snapshots/json",
      kBaseSubcommands, arguments);
}

}  // namespace faasnap::cli
