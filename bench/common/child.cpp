#include "common/child.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>

extern char** environ;

namespace faasnap::bench {

Descriptor::~Descriptor() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

Descriptor open_file(const std::filesystem::path& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
  if (fd < 0) {
    throw std::system_error(errno, std::generic_category(), path.string());
  }
  return Descriptor(fd);
}

Child::Child(const std::vector<std::string>& argv, const std::filesystem::path& log,
             const std::vector<Inherited>& inherited)
    : name_(argv.front()), log_(log) {
  std::vector<std::string> words = argv;
  std::vector<char*> pointers;
  for (std::string& word : words) {
    pointers.push_back(word.data());
  }
  pointers.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0666);
  ::posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  for (const Inherited& one : inherited) {
    ::posix_spawn_file_actions_adddup2(&actions, one.from, one.as);
  }
  const int error = ::posix_spawnp(&pid_, pointers[0], &actions, nullptr, pointers.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    throw std::system_error(error, std::generic_category(), name_);
  }
}

Child::~Child() {
  if (!ended()) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, &status_, 0);
  }
}

bool Child::ended() {
  if (pid_ != 0 && ::waitpid(pid_, &status_, WNOHANG) == pid_) {
    pid_ = 0;
  }
  return pid_ == 0;
}

void Child::wait() {
  if (pid_ != 0 && ::waitpid(pid_, &status_, 0) == pid_) {
    pid_ = 0;
  }
  if (status_ != 0) {
    std::ifstream file(log_);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    throw std::runtime_error(name_ +
                             " failed: " + text.substr(text.size() < 500 ? 0 : text.size() - 500));
  }
}

}  // namespace faasnap::bench
