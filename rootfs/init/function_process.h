// SPDX-License-Identifier: Apache-2.0

#ifndef FAASNAP_INIT_FUNCTION_PROCESS_H_
#define FAASNAP_INIT_FUNCTION_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "event_loop.h"
#include "fd.h"

namespace faasnap::init {

// What to start, and within which limits.
struct ProcessOptions {
  std::vector<std::string> command;
  // NAME=VALUE; of equal names the last counts.
  std::vector<std::string> environment;
  std::string working_directory;
  // As find_user takes it.
  std::string user;
  // Most data that a process may have (RLIMIT_DATA); 0 for no limit.
  std::uint64_t memory_mib = 0;
};

// Returns a sentence about a status of waitpid(2), such as "ended with exit status 3".
std::string describe_end(int status);

// The process of a function, with all that it has started: a session of its own. What they print
// goes to the console, and the end of it is kept.
class FunctionProcess {
 public:
  explicit FunctionProcess(EventLoop& loop) : loop_(loop) {}
  FunctionProcess(const FunctionProcess&) = delete;
  FunctionProcess& operator=(const FunctionProcess&) = delete;

  // Starts it. A program that cannot be started ends with exit status 127, and says why in its
  // output.
  void start(const ProcessOptions& options);
  // 0 if there is none.
  pid_t pid() const noexcept { return pid_; }
  // Calls `wake`, which ends a wait of the process's first thread, so that this goes on where the
  // caller runs. The other processors of a restored machine stay idle until there is work for them:
  // to wake one costs an interrupt, and the pages of what the kernel keeps for it.
  void wake_here(const std::function<void()>& wake) const;
  // Ends all its processes. The caller waits for the end of the first.
  void kill() const;
  // waitpid(2) has said that the first process has ended; the others end, too.
  void ended();

  // Reads what has been printed so far, and returns the end of it: at most 4 KiB.
  std::string log_tail();
  // Leaves out of it what has been printed so far.
  void forget_log();

 private:
  // Returns false if there is nothing to read at present.
  bool read_log();

  EventLoop& loop_;
  pid_t pid_ = 0;
  Fd log_;
  std::string tail_;
};

}  // namespace faasnap::init

#endif  // FAASNAP_INIT_FUNCTION_PROCESS_H_
