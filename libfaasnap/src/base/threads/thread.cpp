// SPDX-License-Identifier: Apache-2.0

#include "base/threads/thread.h"

#include <pthread.h>

#include <csignal>

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

}  // namespace

std::thread start_thread(const std::string& name, std::function<void()> body) {
  const ScopedSignalBlock block;
  std::thread thread(std::move(body));
  ::pthread_setname_np(thread.native_handle(), name.c_str());
  return thread;
}

}  // namespace faasnap::base
