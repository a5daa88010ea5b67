#pragma once

#include <chrono>
#include <string>

#include <faasnap/snapshot.h>

namespace faasnap::cli {

// Tells a person at a terminal what a long command is doing, on the standard error; silent when
// that is not a terminal.
class Steps {
 public:
  Steps();
  // The step in progress failed when it has not been ended by begin() or done().
  ~Steps();
  Steps(const Steps&) = delete;
  Steps& operator=(const Steps&) = delete;

  // Ends the step before. Throws Interrupted when the user wants the command to stop.
  void begin(const std::string& what);
  // Shows how far the step is; false when the user wants the command to stop.
  bool advance(Bytes done, Bytes total);
  void done();

 private:
  void show(const std::string& state) const;

  bool visible_;
  std::string current_;
  int percent_ = -1;
  std::chrono::steady_clock::time_point begun_;
};

}  // namespace faasnap::cli
