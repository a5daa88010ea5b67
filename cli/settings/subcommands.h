// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <span>
#include <string>
#include <string_view>

#include "commands/commands.h"

namespace faasnap::cli {

// A command with subcommands: `faasnap COMMAND NAME ARGUMENT...`.
struct Subcommand {
  std::string_view name;
  // The text after the name.
  std::string_view synopsis;
  std::string_view summary;
  int (*run)(const Arguments&);
};

// Runs the subcommand that the first argument names, or prints help. Throws UsageError if there is
// no such subcommand.
int run_subcommand(std::string_view command, std::string_view description,
                   std::string_view examples, std::span<const Subcommand> subcommands,
                   const Arguments& arguments);

}  // namespace faasnap::cli
