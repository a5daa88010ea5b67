#pragma once

#include <stdexcept>

#include "tools/failure.h"

namespace faasnap::cli {

using tools::Failure;
using tools::UsageError;

using tools::kFailure;
using tools::kSuccess;
using tools::kUsage;

// The user wants the command to stop: status 128 and the signal's number.
struct Interrupted : std::runtime_error {
  Interrupted() : std::runtime_error("interrupted") {}
};

}  // namespace faasnap::cli
