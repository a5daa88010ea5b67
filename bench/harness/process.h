// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <sys/types.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/descriptor.h"

namespace faasnap::bench {

// A program that runs beside this one. The destructor kills it unless it has ended. For one thread.
class Process {
 public:
  struct Options {
    // Its standard input; /dev/null if negative.
    int input = -1;
    // File for its output and errors, overwritten. If empty, output() returns its output, and its
    // errors go to this program's.
    std::filesystem::path log{};
    // A further descriptor that it inherits: `from` becomes `as` in it. The two numbers differ.
    struct Inherited {
      int from;
      int as;
    };
    std::vector<Inherited> inherited{};
  };

  // Looks argv[0] up in PATH. Throws std::system_error.
  Process(const std::vector<std::string>& argv, const Options& options);
  Process(Process&& other) noexcept;
  ~Process();
  Process& operator=(Process&&) = delete;

  // Returns the descriptor of its output, for poll and similar calls.
  int descriptor() const noexcept { return pipe_.get(); }
  // Waits for output and stores it. Returns false if there is no more.
  bool read();
  // Returns the output so far.
  const std::string& output() const noexcept { return output_; }
  // True if it has ended.
  bool ended();
  // Reads all output and waits for the end. Throws std::runtime_error unless the status is 0, with
  // the end of the log if there is one.
  void wait();

 private:
  std::string name_;
  std::filesystem::path log_;
  tools::Descriptor pipe_;
  std::string output_;
  pid_t pid_ = 0;
  int status_ = 0;
};

// Starts a command of the `faasnap` that lies beside this program.
Process start_faasnap(const std::vector<std::string>& arguments, int input = -1);
// Runs such a command and returns the JSON object that it prints. Throws std::runtime_error if it
// fails.
nlohmann::json run_faasnap(const std::vector<std::string>& arguments);

}  // namespace faasnap::bench
