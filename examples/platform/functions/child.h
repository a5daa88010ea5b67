// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <vector>

namespace platform {

// What a program did that was run to its end.
struct Ended {
  // The exit status, or 128 and the number of the signal that has ended it.
  int status = 0;
  // True if it ran longer than it may and was killed.
  bool timed_out = false;
  // The end of what it wrote to its standard error.
  std::string messages{};
};

// Runs a program, which is looked for in PATH, to its end: without input, in a process group of its
// own that is killed after `patience` or when `stop` is requested, without core dumps, and with at
// most `file_bytes` in each file that it writes. Throws std::system_error if it cannot be started.
// Safe from any thread.
Ended run_child(const std::vector<std::string>& command, std::chrono::seconds patience,
                std::uint64_t file_bytes, const std::stop_token& stop);

}  // namespace platform
