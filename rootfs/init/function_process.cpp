// SPDX-License-Identifier: Apache-2.0

#include "function_process.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "processors.h"
#include "text.h"
#include "user.h"

namespace faasnap::init {
namespace {

constexpr std::size_t kLogTailBytes = 4 << 10;
// As much as a pipe holds.
constexpr int kMostLogReads = 16;
constexpr std::size_t kLargestUserFile = 1 << 20;

[[noreturn]] void fail_to_start(const char* what) {
  ::dprintf(STDERR_FILENO, "agent: %s: %s\n", what, std::strerror(errno));
  std::_Exit(127);
}

void take_output(int log) {
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (::dup2(log, STDOUT_FILENO) < 0 || ::dup2(log, STDERR_FILENO) < 0 || nothing < 0 ||
      ::dup2(nothing, STDIN_FILENO) < 0) {
    fail_to_start("standard streams");
  }
}

void limit_memory(std::uint64_t mib) {
  if (mib == 0) {
    return;
  }
  const rlimit limit{mib << 20, mib << 20};
  if (::setrlimit(RLIMIT_DATA, &limit) != 0) {
    fail_to_start("memory limit");
  }
}

void become(const std::string& name) {
  if (name.empty()) {
    return;
  }
  const auto passwd = read_file("/etc/passwd", kLargestUserFile);
  const auto group = read_file("/etc/group", kLargestUserFile);
  const auto user = find_user(name, passwd.value_or(""), group.value_or(""));
  errno = ENOENT;
  if (!user) {
    fail_to_start(("user " + name).c_str());
  }
  const bool is_already = user->uid == ::geteuid() && user->gid == ::getegid();
  if (!is_already &&
      (::setgroups(0, nullptr) != 0 || ::setgid(user->gid) != 0 || ::setuid(user->uid) != 0)) {
    fail_to_start(("user " + name).c_str());
  }
  if (!user->home.empty()) {
    ::setenv("HOME", user->home.c_str(), 0);
  }
}

void set_environment(const std::vector<std::string>& environment) {
  ::clearenv();
  for (const std::string& variable : environment) {
    const auto [name, value] = split(variable, '=');
    ::setenv(std::string(name).c_str(), std::string(value).c_str(), 1);
  }
}

// Runs in the child, which is a copy of this program with one thread.
[[noreturn]] void become_function(const ProcessOptions& options, int log) {
  take_output(log);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::setsid();
  run_on_every_processor();
  set_environment(options.environment);
  become(options.user);
  // After the change of user, which would undo it.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::chdir(options.working_directory.c_str()) != 0) {
    fail_to_start(options.working_directory.c_str());
  }
  std::vector<char*> arguments;
  for (const std::string& argument : options.command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  limit_memory(options.memory_mib);
  ::execvp(arguments[0], arguments.data());
  fail_to_start(arguments[0]);
}

}  // namespace

std::string describe_end(int status) {
  if (WIFSIGNALED(status)) {
    const char* name = sigabbrev_np(WTERMSIG(status));
    return format("was killed by signal %d (SIG%s)", WTERMSIG(status), name ? name : "?");
  }
  return format("ended with exit status %d", WEXITSTATUS(status));
}

void FunctionProcess::start(const ProcessOptions& options) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    die("pipe2 failed: %s", std::strerror(errno));
  }
  log_ = Fd(ends[0]);
  const Fd log_end(ends[1]);
  // Only this end: the function's programs expect output that blocks.
  ::fcntl(log_.get(), F_SETFL, O_NONBLOCK);
  pid_ = ::fork();
  if (pid_ == 0) {
    become_function(options, log_end.get());
  }
  if (pid_ < 0) {
    die("fork failed: %s", std::strerror(errno));
  }
  loop_.watch(log_.get(), EPOLLIN, [this](std::uint32_t) { read_log(); });
}

void FunctionProcess::wake_here(const std::function<void()>& wake) const {
  cpu_set_t usual;
  const bool knows_usual = ::sched_getaffinity(pid_, sizeof usual, &usual) == 0;
  if (knows_usual) {
    const cpu_set_t here = only_processor(::sched_getcpu());
    ::sched_setaffinity(pid_, sizeof here, &here);
  }
  wake();
  if (knows_usual) {
    ::sched_setaffinity(pid_, sizeof usual, &usual);
  }
}

void FunctionProcess::kill() const {
  // The session's first process group; by its own number until the child has called setsid.
  if (pid_ != 0 && ::kill(-pid_, SIGKILL) != 0) {
    ::kill(pid_, SIGKILL);
  }
}

void FunctionProcess::ended() {
  ::kill(-pid_, SIGKILL);
  pid_ = 0;
  log_tail();
  if (log_.is_open()) {
    loop_.unwatch(log_.get());
    log_.reset();
  }
}

std::string FunctionProcess::log_tail() {
  for (int i = 0; i < kMostLogReads && log_.is_open() && read_log(); ++i) {
  }
  return tail_;
}

void FunctionProcess::forget_log() {
  log_tail();
  tail_.clear();
}

bool FunctionProcess::read_log() {
  char piece[kLogTailBytes];
  const ssize_t got = ::read(log_.get(), piece, sizeof piece);
  if (got < 0) {
    return errno == EINTR;
  }
  if (got == 0) {
    loop_.unwatch(log_.get());
    log_.reset();
    return false;
  }
  const std::string_view text(piece, static_cast<std::size_t>(got));
  (void)!::write(STDERR_FILENO, text.data(), text.size());
  tail_ += text;
  tail_.erase(0, tail_.size() - std::min(tail_.size(), kLogTailBytes));
  return true;
}

}  // namespace faasnap::init
