#pragma once

#include <sys/types.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/child.h"

namespace faasnap::bench {

// A command of the `faasnap` that lies beside this program, while it runs. Its messages go where
// this program's go. Ended by the destructor, at the latest. For one thread.
class RunningCommand {
 public:
  // `input`: its standard input; this program's own if negative. Throws std::runtime_error,
  // std::system_error.
  explicit RunningCommand(const std::vector<std::string>& arguments, int input = -1);
  RunningCommand(RunningCommand&& other) noexcept;
  ~RunningCommand();
  RunningCommand& operator=(RunningCommand&&) = delete;

  // Where its output can be awaited, with poll and the like.
  int descriptor() const noexcept { return output_.get(); }
  // Waits for output and takes it in; false when there is no more.
  bool read();
  // What has come up to now.
  const std::string& output() const noexcept { return text_; }
  // Whether it has ended.
  bool ended();
  // Reads all output and waits for the end. Throws std::runtime_error when it failed, and has said
  // why.
  void finish();

 private:
  std::string name_;
  Descriptor output_;
  std::string text_;
  pid_t pid_ = 0;
  int status_ = 0;
};

// Runs a command, and returns the JSON object that it prints. Throws std::runtime_error when it
// fails.
nlohmann::json run_faasnap(const std::vector<std::string>& arguments);
// The same for a command whose output is of no interest; returns it as it is.
std::string run_command(const std::vector<std::string>& arguments);

// Where this program's build keeps `name`: the same directory.
std::filesystem::path beside_this_program(const std::string& name);

}  // namespace faasnap::bench
