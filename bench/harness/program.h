#pragma once

#include <filesystem>
#include <string>

#include "tools/command_line.h"
#include "tools/failure.h"

namespace faasnap::bench {

// What every bench program does around its measurement.

using tools::CommandLine;
using tools::UsageError;

// Returns the environment's value of `name`, or `otherwise` if it has none.
std::string from_environment(const char* name, const char* otherwise);

// Where snapshots go unless an option says otherwise: $FAASNAP_DATA, else the lab's data disk in a
// lab, else /var/tmp.
std::filesystem::path data_directory();
// Where the guest image is: $FAASNAP_IMAGES, else where ./dev makes it.
std::filesystem::path images_directory();

// Replaces the line on a terminal; does nothing in a pipe.
void show_progress(const std::string& text);

// Parses the program's arguments by what `declare` returns, runs `run` unless help was asked for,
// and returns the program's exit status: what `run` returned, 2 for wrong usage and 1 for a
// failure, both told in one line that begins with the program's name.
int run_program(int argc, char** argv, CommandLine (*declare)(), int (*run)(const CommandLine&));

}  // namespace faasnap::bench
