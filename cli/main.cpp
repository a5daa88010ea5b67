// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>

#include <faasnap/error.h>

#include "commands/commands.h"
#include "run/interruption.h"
#include "tools/failure.h"

namespace faasnap::cli {
namespace {

struct Command {
  std::string_view name;
  std::string_view summary;
  int (*run)(const Arguments&);
};

constexpr Command kCommands[] = {
    {"doctor", "what this host can do for microVMs", run_doctor},
    {"base", "make a snapshot that those of functions are layers over", run_base},
    {"record", "run a function once and make a snapshot to serve it from", run_record},
    {"invoke", "restore a snapshot and run its function", run_invoke},
    {"inspect", "show a snapshot, or how a setting would restore it", run_inspect},
    {"verify", "check a snapshot's checksums", run_verify},
    {"store", "put, get and list the objects that functions use", run_store},
    {"snapshot", "publish snapshots for other hosts, and fetch theirs", run_snapshot},
    {"image", "make guest images of your own functions", run_image},
    {"boot", "boot a microVM with a console", run_boot},
    {"lab", "run a command where microVMs work", run_lab},
};

void print_help() {
  fmt::print(
      "usage: faasnap COMMAND [ARGUMENT]...\n\n"
      "Restores microVMs quickly from snapshots: loads the pages that the function uses.\n\n");
  for (const Command& command : kCommands) {
    fmt::print("  {:<9} {}\n", command.name, command.summary);
  }
  fmt::print(
      "\n`faasnap COMMAND --help` says more; `faasnap --version` prints the version.\n"
      "Exit status: 0 success, 1 failure, 2 wrong usage, 130 after Ctrl-C.\n\n"
      "example:\n"
      "  faasnap record json --input '{{\"input\": \"json-13k\"}}' --snapshot json.snapshot\n"
      "  faasnap invoke --snapshot json.snapshot --input '{{\"input\": \"json-151k\"}}'\n");
}

void print_error(std::string_view text) {
  std::string line(text);
  std::replace(line.begin(), line.end(), '\n', ' ');
  fmt::print(stderr, "faasnap: {}\n", line);
}

int interrupted() {
  print_error("interrupted");
  return 128 + Interruption::received();
}

int run_command(const Command& command, const Arguments& arguments) {
  try {
    const int status = command.run(arguments);
    std::cout.flush();
    if (!std::cout || std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
      throw tools::Failure("cannot write to the standard output");
    }
    return status;
  } catch (const tools::UsageError& error) {
    print_error(fmt::format("{} (see faasnap {} --help)", error.what(), command.name));
    return tools::kUsage;
  } catch (const std::exception& error) {
    if (Interruption::received() != 0) {
      return interrupted();
    }
    print_error(error.what());
    return tools::kFailure;
  }
}

int run(const Arguments& arguments) {
  if (arguments.empty()) {
    print_error("a command is missing (see faasnap --help)");
    return tools::kUsage;
  }
  const std::string& name = arguments[0];
  if (name == "--help" || name == "-h" || name == "help") {
    print_help();
    return tools::kSuccess;
  }
  if (name == "--version") {
    fmt::print("faasnap {}\n", FAASNAP_VERSION);
    return tools::kSuccess;
  }
  const auto command = std::find_if(std::begin(kCommands), std::end(kCommands),
                                    [&](const Command& c) { return c.name == name; });
  if (command == std::end(kCommands)) {
    print_error(fmt::format("unknown command '{}' (see faasnap --help)", name));
    return tools::kUsage;
  }
  return run_command(*command, {arguments.begin() + 1, arguments.end()});
}

}  // namespace
}  // namespace faasnap::cli

int main(int argc, char** argv) {
  // Makes a write to a closed pipe fail, so that the program unwinds instead of dying.
  std::signal(SIGPIPE, SIG_IGN);
  return faasnap::cli::run({argv + std::min(argc, 1), argv + argc});
}
