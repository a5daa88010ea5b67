// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdexcept>

namespace faasnap::tools {

// The exceptions, besides faasnap::Error, with which a program ends early. main() turns each into
// one line on the standard error and an exit status.

// The command line or the settings file is wrong: status 2.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The command failed: status 1.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline constexpr int kSuccess = 0;
inline constexpr int kFailure = 1;
inline constexpr int kUsage = 2;

}  // namespace faasnap::tools
