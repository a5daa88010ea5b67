// SPDX-License-Identifier: Apache-2.0

#include "jail/filters.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <csignal>
#include <functional>
#include <string>
#include <vector>

#include "base/files/file.h"
#include "paging/backing_check.h"
#include "support/support.h"

namespace faasnap::worker {
namespace {

void require_filters() {
#ifdef FAASNAP_SANITIZED
  SKIP("the run-time of sanitizers makes system calls of its own");
#endif
}

// Runs `body` in a process whose only thread has the filter of `role`. Returns the signal that
// killed it, or 0 with the status of _exit in `status`.
int run_filtered(ThreadRole role, const std::function<int()>& body, int* status = nullptr) {
  const Filters filters;
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    filters.install(role);
    ::_exit(body());
  }
  int ended = 0;
  REQUIRE(::waitpid(child, &ended, 0) == child);
  if (status != nullptr) {
    *status = WIFEXITED(ended) ? WEXITSTATUS(ended) : -1;
  }
  return WIFSIGNALED(ended) ? WTERMSIG(ended) : 0;
}

constexpr std::array kRoles = {ThreadRole::control, ThreadRole::device, ThreadRole::vcpu};

TEST_CASE("no thread of a worker may run a program, make a process, a socket or code") {
  require_filters();
  for (const ThreadRole role : kRoles) {
    INFO(static_cast<int>(role));
    const auto killed = [&](const std::function<int()>& body) {
      return run_filtered(role, body) == SIGSYS;
    };
    CHECK(killed([] { return ::execl("/bin/true", "true", nullptr); }));
    CHECK(killed([] { return static_cast<int>(::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)); }));
    CHECK(killed([] { return ::socket(AF_INET, SOCK_STREAM, 0); }));
    CHECK(killed([] { return ::socket(AF_UNIX, SOCK_STREAM, 0); }));
    CHECK(killed([] { return ::kill(::getppid(), 0); }));
    CHECK(killed([] { return static_cast<int>(::syscall(SYS_ptrace, 0, 0, 0, 0)); }));
    CHECK(killed([] { return ::prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0); }));
    CHECK(killed([] { return ::unlink("/tmp/x"); }));
    CHECK(killed([] { return ::ioctl(0, TIOCSTI, "x"); }));
    CHECK(killed([] {
      return ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
             MAP_FAILED;
    }));
  }
}

TEST_CASE("threads of vCPUs and devices open no files, and those of vCPUs make no threads") {
  require_filters();
  for (const ThreadRole role : {ThreadRole::device, ThreadRole::vcpu}) {
    CHECK(run_filtered(ThreadRole::vcpu, [] {
            return static_cast<int>(
                ::syscall(SYS_clone, CLONE_VM | CLONE_THREAD | CLONE_SIGHAND, 0, 0, 0, 0));
          }) == SIGSYS);
    int status = 0;
    CHECK(run_filtered(
              role, [] { return ::open("/dev/null", O_RDONLY) < 0 && errno == EACCES ? 7 : 0; },
              &status) == 0);
    CHECK(status == 7);
  }
}

TEST_CASE("threads of devices make pairs of connected streams, and no others do") {
  require_filters();
  const auto make_pair = [] {
    int ends[2];
    return ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0 ? 7 : 0;
  };
  int status = 0;
  CHECK(run_filtered(ThreadRole::device, make_pair, &status) == 0);
  CHECK(status == 7);
  CHECK(run_filtered(ThreadRole::vcpu, make_pair) == SIGSYS);
  CHECK(run_filtered(ThreadRole::device, [] {
          int ends[2];
          return ::socketpair(AF_UNIX, SOCK_DGRAM, 0, ends);
        }) == SIGSYS);
}

TEST_CASE("a vCPU's thread may ask KVM for nothing but to run, and the kernel for no rings") {
  require_filters();
  CHECK(run_filtered(ThreadRole::vcpu, [] { return ::ioctl(0, KVM_CREATE_VM, 0); }) == SIGSYS);
  CHECK(run_filtered(ThreadRole::vcpu, [] {
          return static_cast<int>(::syscall(SYS_io_uring_setup, 1, nullptr));
        }) == SIGSYS);
  int status = 0;
  CHECK(run_filtered(
            ThreadRole::vcpu, [] { return ::ioctl(0, KVM_RUN, 0) < 0 && errno != ENOSYS ? 7 : 0; },
            &status) == 0);
  CHECK(status == 7);
}

TEST_CASE("each thread may find out why guest memory is unavailable") {
  require_filters();
  const test::ScratchDirectory scratch;
  const auto path = scratch.path() / "memory";
  base::write_new_file(path, std::vector<std::byte>(kPageSize));
  const base::UniqueFd unreadable = base::open_file(path, O_WRONLY);
  const RestorePlan plan{.mappings = {{{PageIndex{0}, 1}, Backing::memory_file, {}}}};
  const paging::BackingCheck check(plan, {.memory = {&unreadable, path}});
  for (const ThreadRole role : kRoles) {
    INFO(static_cast<int>(role));
    int status = 0;
    CHECK(run_filtered(
              role, [&] { return check.diagnose().ends_with("Bad file descriptor") ? 7 : 0; },
              &status) == 0);
    CHECK(status == 7);
  }
}

TEST_CASE("threads have the role that their name says") {
  CHECK(role_of("faasnap-vcpu3") == ThreadRole::vcpu);
  CHECK(role_of("faasnap-call") == ThreadRole::control);
  CHECK(role_of("faasnap-loop") == ThreadRole::device);
  CHECK(role_of("faasnap-faults") == ThreadRole::device);
}

}  // namespace
}  // namespace faasnap::worker
