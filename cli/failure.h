#pragma once

#include <stdexcept>
#include <string>

namespace faasnap::cli {

// The ways in which a command ends early. main() turns each into one line on the standard error
// and an exit status; so it does with faasnap::Error.

// The command line or the settings file is wrong: status 2.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What was asked for did not work out: status 1.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The user wants the command to stop: status 128 and the signal's number.
struct Interrupted : std::runtime_error {
  Interrupted() : std::runtime_error("interrupted") {}
};

inline constexpr int kSuccess = 0;
inline constexpr int kFailure = 1;
inline constexpr int kUsage = 2;

}  // namespace faasnap::cli
