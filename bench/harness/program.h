// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <string>

#include "tools/command_line.h"
#include "tools/failure.h"

namespace faasnap::bench {

// The parts that every bench program has around its measurement.

using tools::CommandLine;
using tools::UsageError;

// Returns the environment's value of `name`, or `otherwise` if it has none.
std::string from_environment(const char* name, const char* otherwise);

// Returns the default directory for snapshots: $FAASNAP_DATA, otherwise the lab's data disk in a
// lab, otherwise /var/tmp.
std::filesystem::path data_directory();
// Returns the directory of the guest image: $FAASNAP_IMAGES, otherwise the one in which ./dev makes
// it.
std::filesystem::path images_directory();

// Replaces the current line on a terminal; does nothing in a pipe.
void show_progress(const std::string& text);

// Parses the program's arguments with the options from `declare` and calls `run`, unless help was
// asked for. Returns the program's exit status: the result of `run`, 2 for wrong usage or 1 for a
// failure. Prints either of these in one line that begins with the program's name.
int run_program(int argc, char** argv, CommandLine (*declare)(), int (*run)(const CommandLine&));

}  // namespace faasnap::bench
