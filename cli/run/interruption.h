#pragma once

#include <atomic>
#include <csignal>
#include <functional>
#include <mutex>
#include <thread>

namespace faasnap::cli {

// Turns SIGINT, SIGTERM and SIGHUP into an orderly end: the command in progress is told, unwinds,
// and removes what it has half made. A thread of its own waits for the signals, so that what they
// cause may do anything, not only what a signal handler may.
//
// Make one at the start of a command, before any other thread, and one at a time.
class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  // The signal that came; 0 for none. Also after the object is gone.
  static int received() noexcept;
  // Throws Interrupted when a signal came.
  static void check();

  // As long as it exists, a signal calls `action`, on another thread. What `action` uses must
  // outlive the guard. Throws Interrupted when a signal has come already.
  class Guard {
   public:
    Guard(Interruption& interruption, std::function<void()> action);
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    Interruption& interruption_;
    std::function<void()> outer_;
  };

 private:
  void wait_for_signals();

  sigset_t before_;
  std::mutex mutex_;
  std::function<void()> action_;
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace faasnap::cli
