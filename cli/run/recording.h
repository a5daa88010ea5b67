// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

#include <faasnap/function_recorder.h>

#include "output/progress.h"
#include "run/interruption.h"

namespace faasnap::cli {

// What the commands that run a FunctionRecorder share.

// Throws tools::UsageError for what is not the name of a function.
std::string checked_function_name(std::string name);

// Shows the steps of a recording, which the user's interruption ends. Both must outlive the result.
RecordingObserver shown_by(Steps& steps, const Interruption& interruption);

}  // namespace faasnap::cli
