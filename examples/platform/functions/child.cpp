// SPDX-License-Identifier: Apache-2.0

#include "functions/child.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

extern char** environ;

namespace platform {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostChildMessages = 16 << 10;
constexpr std::chrono::milliseconds kLookAtChild{100};

class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_, O_CLOEXEC) != 0) {
      throw std::system_error(errno, std::generic_category(), "pipe");
    }
  }
  ~Pipe() {
    ::close(ends_[0]);
    close_writer();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int reader() const { return ends_[0]; }
  int writer() const { return ends_[1]; }
  void close_writer() {
    if (ends_[1] >= 0) {
      ::close(ends_[1]);
      ends_[1] = -1;
    }
  }

 private:
  int ends_[2] = {-1, -1};
};

pid_t spawn(const std::vector<std::string>& command, int messages) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, messages, 2);
  // The platform blocks the signals that end it, which a child would inherit.
  sigset_t none;
  ::sigemptyset(&none);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  std::vector<char*> arguments;
  for (const std::string& argument : command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int failure =
      ::posix_spawnp(&child, arguments[0], &actions, &attributes, arguments.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failure != 0) {
    throw std::system_error(failure, std::generic_category(), command[0]);
  }
  return child;
}

// A process that is not waited for yet: its id cannot name another one.
void limit(pid_t child, std::uint64_t file_bytes) {
  const rlimit files{file_bytes, file_bytes};
  const rlimit none{0, 0};
  ::prlimit(child, RLIMIT_FSIZE, &files, nullptr);
  ::prlimit(child, RLIMIT_CORE, &none, nullptr);
}

// Appends what is there. Returns false at the end.
bool read_some(int from, std::string& messages) {
  std::array<char, 4096> piece;
  const ssize_t got = ::read(from, piece.data(), piece.size());
  if (got <= 0) {
    return got < 0 && errno == EINTR;
  }
  messages.append(piece.data(), static_cast<std::size_t>(got));
  if (messages.size() > kMostChildMessages) {
    messages.erase(0, messages.size() - kMostChildMessages);
  }
  return true;
}

}  // namespace

Ended run_child(const std::vector<std::string>& command, std::chrono::seconds patience,
                std::uint64_t file_bytes, const std::stop_token& stop) {
  Pipe pipe;
  const auto deadline = Clock::now() + patience;
  const pid_t child = spawn(command, pipe.writer());
  pipe.close_writer();
  limit(child, file_bytes);
  Ended ended;
  bool killed = false;
  for (;;) {
    pollfd wanted{pipe.reader(), POLLIN, 0};
    if (::poll(&wanted, 1, static_cast<int>(kLookAtChild.count())) > 0 &&
        !read_some(pipe.reader(), ended.messages)) {
      break;
    }
    if (!killed && (stop.stop_requested() || Clock::now() > deadline)) {
      ended.timed_out = !stop.stop_requested();
      ::kill(-child, SIGKILL);
      killed = true;
    }
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  ended.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ended;
}

}  // namespace platform
