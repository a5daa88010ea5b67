// SPDX-License-Identifier: Apache-2.0

#include "base/threads/thread.h"

#include <pthread.h>

#include <csignal>
#include <system_error>

#include "base/error.h"

namespace faasnap::base {
namespace {

// A new thread inherits the signal mask of its creator.
class ScopedSignalBlock {
 public:
  ScopedSignalBlock() noexcept {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~ScopedSignalBlock() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

std::function<void(std::string_view)>& preparation() {
  static std::function<void(std::string_view)> prepare;
  return prepare;
}

}  // namespace

void prepare_threads(std::function<void(std::string_view name)> prepare) {
  preparation() = std::move(prepare);
}

std::thread start_thread(const std::string& name, std::function<void()> body) {
  const ScopedSignalBlock block;
  try {
    return std::thread([name, body = std::move(body)] {
      ::pthread_setname_np(::pthread_self(), name.c_str());
      if (preparation()) {
        preparation()(name);
      }
      body();
    });
  } catch (const std::system_error& error) {
    throw Error(
        ErrorKind::limit, "start thread", name,
        "no more threads can be had; raise RLIMIT_NPROC of the user, pids.max of the cgroup "
        "or sysctl kernel.threads-max, or run fewer VMs",
        error.code().value());
  }
}

}  // namespace faasnap::base
