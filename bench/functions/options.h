#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "functions/inputs.h"
#include "functions/way.h"
#include "harness/program.h"
#include "harness/results.h"

namespace faasnap::bench {

// What tells one program that invokes functions in guests from another.
struct GuestProgram {
  const char* name;
  // In the results, and the name of their file.
  const char* experiment;
  // What it does, and a whole command line.
  const char* help;
  const char* example;
  // What --settings is by default.
  const char* settings;
};

// What such a program is asked for.
struct GuestOptions {
  // In the results, and for messages.
  std::string experiment{};
  std::string program{};
  std::vector<std::string> functions{};
  // The first is what the others are compared with.
  std::vector<Way> ways{};
  unsigned repeat = 1;
  InputSize size = InputSize::quick;
  // Where snapshots go.
  std::filesystem::path data{};
  // The results, and a page of them; no page if empty.
  std::filesystem::path output{};
  std::filesystem::path report{};
  // The device below `data`, where that is one with a name.
  std::string disk{};
};

// The options that all such programs have; a program adds its own.
CommandLine guest_command_line(const GuestProgram& program);
// Throws UsageError for what cannot be.
GuestOptions guest_options(const GuestProgram& program, const CommandLine& line);

// The fields that place an invocation in any of these experiments.
Point point_of(const GuestOptions& options, const std::string& function, const Way& way,
               unsigned repeat);

}  // namespace faasnap::bench
