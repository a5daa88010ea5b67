// SPDX-License-Identifier: Apache-2.0

#include "settings/subcommands.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/failure.h"

namespace faasnap::cli {
namespace {

std::string names_of(std::span<const Subcommand> subcommands) {
  std::string names;
  for (std::size_t i = 0; i < subcommands.size(); ++i) {
    names += i == 0 ? "" : (i + 1 == subcommands.size() ? " or " : ", ");
    names += subcommands[i].name;
  }
  return names;
}

}  // namespace

int run_subcommand(std::string_view command, std::string_view description,
                   std::string_view examples, std::span<const Subcommand> subcommands,
                   const Arguments& arguments) {
  if (arguments.empty()) {
    throw tools::UsageError(fmt::format("expected {}", names_of(subcommands)));
  }
  if (arguments[0] == "--help" || arguments[0] == "-h") {
    fmt::print("Usage:\n");
    for (const Subcommand& subcommand : subcommands) {
      fmt::print("  {:<52} {}\n",
                 fmt::format("faasnap {} {} {}", command, subcommand.name, subcommand.synopsis),
                 subcommand.summary);
    }
    fmt::print("\n{}\n`faasnap {} NAME --help` says more.\n\nexample:\n{}\n", description, command,
               examples);
    return tools::kSuccess;
  }
  const auto found = std::ranges::find(subcommands, arguments[0], &Subcommand::name);
  if (found == subcommands.end()) {
    throw tools::UsageError(
        fmt::format("unknown subcommand '{}', expected {}", arguments[0], names_of(subcommands)));
  }
  return found->run({arguments.begin() + 1, arguments.end()});
}

}  // namespace faasnap::cli
