// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <csignal>
#include <stdexcept>
#include <stop_token>
#include <thread>

namespace faasnap::cli {

// The user wants the command to stop: status 128 and the signal's number.
struct Interrupted : std::runtime_error {
  Interrupted() : std::runtime_error("interrupted") {}
};

// Turns SIGINT, SIGTERM and SIGHUP into a request to stop: the command in progress unwinds and
// removes incomplete files. A thread of its own waits for the signals, so that callbacks of the
// request may do anything, not only what a signal handler may.
//
// Make one at the start of a command, before any other thread, and only one at a time.
class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  // Returns the signal that has arrived, or 0; also after the object is destroyed.
  static int received() noexcept;
  // Throws Interrupted if a signal has arrived.
  static void check();

  // The request that the first signal makes. Callbacks run on the thread that waits.
  std::stop_token token() const noexcept { return stop_.get_token(); }

 private:
  void wait_for_signals();

  sigset_t before_;
  std::stop_source stop_;
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace faasnap::cli
