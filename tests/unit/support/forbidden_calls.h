// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <cstddef>
#include <exception>
#include <functional>
#include <initializer_list>
#include <thread>
#include <utility>
#include <vector>

namespace faasnap::test {

// Gives this thread the seccomp filter `code`, for the rest of its life. Returns false if the host
// allows none.
inline bool forbid(std::vector<sock_filter> code) {
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// Returns a filter under which these system calls fail with `error_number`.
inline std::vector<sock_filter> failing(std::initializer_list<long> calls, int error_number) {
  std::vector<sock_filter> code{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (const long call : calls) {
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 1));
    code.push_back(
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error_number)));
  }
  code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  return code;
}

// Returns a filter under which no descriptor can be added to an epoll instance, as where the user
// watches as many as fs.epoll.max_user_watches allows.
inline std::vector<sock_filter> without_new_watches() {
  return {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_ctl, 0, 3),
          BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[1])),
          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, EPOLL_CTL_ADD, 0, 1),
          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSPC),
          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
}

// Runs `body` on a thread that has the seccomp filter `code`, as have the threads that it starts:
// what a container does to all of a process. Rethrows its exception.
inline void under_filter(std::vector<sock_filter> code, const std::function<void()>& body) {
  std::exception_ptr failure;
  bool filtered = false;
  std::thread([&] {
    filtered = forbid(std::move(code));
    if (!filtered) {
      return;
    }
    try {
      body();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (!filtered) {
    SKIP("this host allows no seccomp filter");
  }
  if (failure) {
    std::rethrow_exception(failure);
  }
}

// Runs `body` where these system calls fail with `error_number`.
inline void without_calls(std::initializer_list<long> calls, int error_number,
                          const std::function<void()>& body) {
  under_filter(failing(calls, error_number), body);
}

inline void without_io_uring(int error_number, const std::function<void()>& body) {
  without_calls({SYS_io_uring_setup}, error_number, body);
}

inline void without_new_threads(const std::function<void()>& body) {
  without_calls({SYS_clone, SYS_clone3}, EAGAIN, body);
}

// Runs `body` where neither userfaultfd(2) nor its device (ioctl USERFAULTFD_IOC_NEW) is allowed.
inline void without_userfaultfd(const std::function<void()>& body) {
  static constexpr unsigned kNew = 0xaa00;
  under_filter({BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_userfaultfd, 3, 0),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[1])),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kNew, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)},
               body);
}

// Runs `body` where nobody makes a user namespace, as Docker's own filter has it.
inline void without_user_namespaces(const std::function<void()>& body) {
  under_filter({BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[0])),
                BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_NEWUSER, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)},
               body);
}

}  // namespace faasnap::test
