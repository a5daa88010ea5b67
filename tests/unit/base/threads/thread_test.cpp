// SPDX-License-Identifier: Apache-2.0

#include "base/threads/thread.h"

#include <faasnap/error.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <string>

namespace faasnap::base {
namespace {

TEST_CASE("a thread has its name and blocks every signal that can be blocked") {
  std::string name(16, ' ');
  sigset_t blocked;
  start_thread("faasnap-test", [&] {
    ::pthread_getname_np(::pthread_self(), name.data(), name.size());
    ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  }).join();
  CHECK(name.c_str() == std::string("faasnap-test"));
  for (const int signal : {SIGTERM, SIGUSR1, SIGPROF, SIGRTMIN, SIGRTMAX}) {
    CHECK(::sigismember(&blocked, signal) == 1);
  }
}

// In a child, whose address space has no room for a stack: unlike RLIMIT_NPROC, that holds for
// root, too.
TEST_CASE("a thread that cannot be had is an error of the library") {
#ifdef FAASNAP_SANITIZED
  SKIP("sanitizers need more address space than the child has");
#endif
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    ::pthread_attr_setstacksize(&attributes, 1ULL << 40);  // larger than those that are kept
    ::pthread_setattr_default_np(&attributes);
    const rlimit none{1 << 20, 1 << 20};
    ::setrlimit(RLIMIT_AS, &none);
    int result = 1;
    try {
      start_thread("faasnap-test", [] {}).join();
    } catch (const Error& error) {
      result = error.kind() == ErrorKind::limit && error.error_number() == EAGAIN ? 0 : 2;
    } catch (...) {
      result = 3;
    }
    ::_exit(result);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

}  // namespace
}  // namespace faasnap::base
