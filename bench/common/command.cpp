#include "common/command.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <system_error>
#include <utility>

extern char** environ;

namespace faasnap::bench {
namespace {

[[noreturn]] void fail(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

// Starts it with `output` as its standard output, and `input` unless that is negative.
pid_t spawn(std::vector<std::string> words, int input, int output) {
  std::vector<char*> argv;
  for (std::string& word : words) {
    argv.push_back(word.data());
  }
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  if (input >= 0) {
    ::posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  }
  ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  pid_t child = 0;
  const int error = ::posix_spawn(&child, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    fail(error, words[0]);
  }
  return child;
}

}  // namespace

RunningCommand::RunningCommand(const std::vector<std::string>& arguments, int input)
    : name_("faasnap " + arguments.front()) {
  std::vector<std::string> words{beside_this_program("faasnap").string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    fail(errno, "pipe");
  }
  output_ = Descriptor(ends[0]);
  const Descriptor theirs(ends[1]);
  pid_ = spawn(std::move(words), input, theirs.get());
}

RunningCommand::RunningCommand(RunningCommand&& other) noexcept
    : name_(std::move(other.name_)),
      output_(std::move(other.output_)),
      text_(std::move(other.text_)),
      pid_(std::exchange(other.pid_, 0)),
      status_(other.status_) {}

RunningCommand::~RunningCommand() {
  if (!ended()) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, &status_, 0);
  }
}

bool RunningCommand::read() {
  std::array<char, 4096> buffer;
  ssize_t got;
  do {
    got = ::read(output_.get(), buffer.data(), buffer.size());
  } while (got < 0 && errno == EINTR);
  if (got > 0) {
    text_.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return got > 0;
}

bool RunningCommand::ended() {
  if (pid_ != 0 && ::waitpid(pid_, &status_, WNOHANG) == pid_) {
    pid_ = 0;
  }
  return pid_ == 0;
}

void RunningCommand::finish() {
  while (read()) {
  }
  if (pid_ != 0 && ::waitpid(pid_, &status_, 0) == pid_) {
    pid_ = 0;
  }
  if (status_ != 0) {
    throw std::runtime_error(name_ + " failed; its message is above");
  }
}

std::filesystem::path beside_this_program(const std::string& name) {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
}

std::string run_command(const std::vector<std::string>& arguments) {
  RunningCommand command(arguments);
  command.finish();
  return command.output();
}

nlohmann::json run_faasnap(const std::vector<std::string>& arguments) {
  return nlohmann::json::parse(run_command(arguments));
}

}  // namespace faasnap::bench
