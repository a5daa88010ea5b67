#pragma once

#include <cxxopts.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "common/results.h"
#include "guests/inputs.h"
#include "guests/way.h"

namespace faasnap::bench {

// What tells one program that invokes functions in guests from another.
struct GuestProgram {
  const char* name;
  // In the results, and the name of their file.
  const char* experiment;
  // What it does, with an example.
  const char* help;
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
cxxopts::Options guest_command_line(const GuestProgram& program);
// Prints the help and ends the program where that is asked for. Throws
// cxxopts::exceptions::exception for what it does not know.
cxxopts::ParseResult parse_command_line(cxxopts::Options& line, int argc, char** argv);
// Throws cxxopts::exceptions::exception for what cannot be.
GuestOptions guest_options(const GuestProgram& program, const cxxopts::ParseResult& found);

// The fields that place an invocation in any of these experiments.
Point point_of(const GuestOptions& options, const std::string& function, const Way& way,
               unsigned repeat);

}  // namespace faasnap::bench
