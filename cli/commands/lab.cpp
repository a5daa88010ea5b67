// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <iterator>

#include <faasnap/host.h>

#include "commands/commands.h"
#include "tools/failure.h"

namespace faasnap::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kHelp =
    "usage: faasnap lab [OPTION]... -- COMMAND [ARGUMENT]...\n"
    "\n"
    "Runs the command where microVMs work: here, if KVM runs them at speed, otherwise in the lab, "
    "an\n"
    "emulated machine that sees this one's files. The options (--memory SIZE, --writable DIR,\n"
    "--tries N and others: faasnap lab --lab-help) are for the lab. The exit status is the\n"
    "command's.\n"
    "\n"
    "example:\n"
    "  faasnap lab -- faasnap invoke --snapshot snapshots/json --input '{\"input\": "
    "\"json-13k\"}'\n";

fs::path own_directory() { return fs::read_symlink("/proc/self/exe").parent_path(); }

// Finds the lab beside the binary, or in the source tree that the binary was built in.
fs::path find_lab() {
  if (const char* chosen = std::getenv("FAASNAP_LAB"); chosen != nullptr && *chosen != '\0') {
    return chosen;
  }
  const fs::path directory = own_directory();
  for (const fs::path& candidate :
       {directory / "../libexec/faasnap/faasnap-lab", directory / "../../../cli/lab/faasnap-lab"}) {
    if (fs::exists(candidate)) {
      return fs::canonical(candidate);
    }
  }
  throw tools::Failure(
      "faasnap-lab is not installed beside this program; name it with $FAASNAP_LAB");
}

[[noreturn]] void become(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (const std::string& word : words) {
    pointers.push_back(const_cast<char*>(word.c_str()));
  }
  pointers.push_back(nullptr);
  std::signal(SIGPIPE, SIG_DFL);
  ::execvp(pointers[0], pointers.data());
  throw tools::Failure(fmt::format("{}: {}", words[0], std::strerror(errno)));
}

}  // namespace

int run_lab(const Arguments& arguments) {
  const auto separator = std::find(arguments.begin(), arguments.end(), "--");
  const auto asks = [&](const char* option) {
    return std::find(arguments.begin(), separator, option) != separator;
  };
  if (asks("--help") || asks("-h")) {
    std::cout << kHelp;
    return tools::kSuccess;
  }
  if (asks("--lab-help")) {
    become({find_lab().string(), "--help"});
  }
  if (separator == arguments.end() || std::next(separator) == arguments.end()) {
    throw tools::UsageError("a command is missing after --");
  }
  if (inspect_kvm().runs_vms_at_speed) {
    become({std::next(separator), arguments.end()});
  }
  std::vector<std::string> words{find_lab().string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  become(words);
}

}  // namespace faasnap::cli
