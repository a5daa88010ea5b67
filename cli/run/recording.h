// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

#include <faasnap/free_memory.h>
#include <faasnap/function_recorder.h>

#include "output/progress.h"
#include "run/interruption.h"
#include "settings/config.h"
#include "settings/options.h"

namespace faasnap::cli {

// What the commands that run a FunctionRecorder share.

// Throws tools::UsageError for what is not the name of a function.
std::string checked_function_name(std::string name);

// Adds --free-memory.
void add_free_memory_option(CommandLine& line);
// Returns what it says, or else the settings file: report if neither says anything.
FreeMemory free_memory_mode(const CommandLine& line, const Config& config);

// Shows the steps of a recording, which the user's interruption ends. Both must outlive the result.
RecordingObserver shown_by(Steps& steps, const Interruption& interruption);

}  // namespace faasnap::cli
