// SPDX-License-Identifier: Apache-2.0

#include "harness/process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>
#include <utility>

extern char** environ;

namespace faasnap::bench {
namespace {

// Maximum number of characters of a log in a message.
constexpr std::size_t kTail = 500;

[[noreturn]] void fail(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

// The actions of posix_spawn in the child, in order.
class Actions {
 public:
  Actions() { ::posix_spawn_file_actions_init(&actions_); }
  ~Actions() { ::posix_spawn_file_actions_destroy(&actions_); }
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;

  void open(int as, const char* path, int flags) {
    ::posix_spawn_file_actions_addopen(&actions_, as, path, flags, 0666);
  }
  void duplicate(int from, int as) { ::posix_spawn_file_actions_adddup2(&actions_, from, as); }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

pid_t spawn(std::vector<std::string> words, const Actions& actions) {
  std::vector<char*> argv;
  for (std::string& word : words) {
    argv.push_back(word.data());
  }
  argv.push_back(nullptr);
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, argv[0], actions.get(), nullptr, argv.data(), environ);
  if (error != 0) {
    fail(error, words[0]);
  }
  return child;
}

std::string end_of(const std::filesystem::path& log) {
  std::ifstream file(log);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return text.substr(text.size() < kTail ? 0 : text.size() - kTail);
}

}  // namespace

Process::Process(const std::vector<std::string>& argv, const Options& options)
    : name_(argv.front()), log_(options.log) {
  Actions actions;
  if (options.input < 0) {
    actions.open(STDIN_FILENO, "/dev/null", O_RDONLY);
  } else {
    actions.duplicate(options.input, STDIN_FILENO);
  }
  tools::Descriptor theirs;
  if (log_.empty()) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
      fail(errno, "pipe");
    }
    pipe_ = tools::Descriptor(ends[0]);
    theirs = tools::Descriptor(ends[1]);
    actions.duplicate(theirs.get(), STDOUT_FILENO);
  } else {
    actions.open(STDOUT_FILENO, log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC);
    actions.duplicate(STDOUT_FILENO, STDERR_FILENO);
  }
  for (const Options::Inherited& one : options.inherited) {
    actions.duplicate(one.from, one.as);
  }
  pid_ = spawn(argv, actions);
}

Process::Process(Process&& other) noexcept
    : name_(std::move(other.name_)),
      log_(std::move(other.log_)),
      pipe_(std::move(other.pipe_)),
      output_(std::move(other.output_)),
      pid_(std::exchange(other.pid_, 0)),
      status_(other.status_) {}

Process::~Process() {
  if (!ended()) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, &status_, 0);
  }
}

bool Process::read() {
  std::array<char, 4096> buffer;
  ssize_t got;
  do {
    got = ::read(pipe_.get(), buffer.data(), buffer.size());
  } while (got < 0 && errno == EINTR);
  if (got > 0) {
    output_.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return got > 0;
}

bool Process::ended() {
  if (pid_ != 0 && ::waitpid(pid_, &status_, WNOHANG) == pid_) {
    pid_ = 0;
  }
  return pid_ == 0;
}

void Process::wait() {
  while (pipe_.get() >= 0 && read()) {
  }
  if (pid_ != 0 && ::waitpid(pid_, &status_, 0) == pid_) {
    pid_ = 0;
  }
  if (status_ != 0) {
    throw std::runtime_error(log_.empty() ? name_ + " failed; its message is above"
                                          : name_ + " failed: " + end_of(log_));
  }
}

Process start_faasnap(const std::vector<std::string>& arguments, int input) {
  const auto here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  std::vector<std::string> words{(here / "faasnap").string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return Process(words, {.input = input});
}

nlohmann::json run_faasnap(const std::vector<std::string>& arguments) {
  Process command = start_faasnap(arguments);
  command.wait();
  return nlohmann::json::parse(command.output());
}

}  // namespace faasnap::bench
