// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <csignal>

namespace faasnap::base {

// Blocks every signal of the calling thread while it exists, so that what is made meanwhile, a
// thread or a process, does not run the caller's signal handlers.
class SignalsBlocked {
 public:
  SignalsBlocked() noexcept {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace faasnap::base
