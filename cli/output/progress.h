// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <string>

#include <faasnap/snapshot.h>

namespace faasnap::cli {

// Shows a person at a terminal what a long command is doing, on the standard error; silent if that
// is not a terminal.
class Steps {
 public:
  Steps();
  // Marks the step in progress as failed, if begin() or done() has not ended it.
  ~Steps();
  Steps(const Steps&) = delete;
  Steps& operator=(const Steps&) = delete;

  // Ends the previous step. Throws Interrupted if the user wants the command to stop.
  void begin(const std::string& what);
  // Shows the progress of the step. Returns false if the user wants the command to stop.
  bool advance(Bytes done, Bytes total);
  void done();
  // Returns what calls advance(), which must not outlive the object.
  Progress progress();

 private:
  void show(const std::string& state) const;

  bool visible_;
  std::string current_;
  int percent_ = -1;
  std::chrono::steady_clock::time_point begun_;
};

}  // namespace faasnap::cli
