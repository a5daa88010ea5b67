// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "functions/inputs.h"
#include "functions/way.h"
#include "harness/program.h"
#include "harness/results.h"

namespace faasnap::bench {

// The properties of a program that invokes functions in guests.
struct GuestProgram {
  const char* name;
  // The experiment's name in the results and in the name of their file.
  const char* experiment;
  // What it does, and an example of a command line.
  const char* help;
  const char* example;
  // The default of --settings.
  const char* settings;
};

// The options of such a program.
struct GuestOptions {
  // The name in the results and in messages.
  std::string experiment{};
  std::string program{};
  std::vector<std::string> functions{};
  // The first is the reference for the others.
  std::vector<Way> ways{};
  unsigned repeat = 1;
  InputSize size = InputSize::quick;
  // Directory for snapshots.
  std::filesystem::path data{};
  // The results file and its report page; no page if empty.
  std::filesystem::path output{};
  std::filesystem::path report{};
  // The name of the disk of `data` in the results; may be empty.
  std::string disk{};
};

// Returns the options that all such programs have; a program adds its own.
CommandLine guest_command_line(const GuestProgram& program);
// Throws UsageError for invalid options.
GuestOptions guest_options(const GuestProgram& program, const CommandLine& line);

// Returns the fields that identify an invocation in any of these experiments.
Point point_of(const GuestOptions& options, const std::string& function, const Way& way,
               unsigned repeat);

}  // namespace faasnap::bench
