// SPDX-License-Identifier: Apache-2.0

#include "base/threads/sigpipe.h"

#include <time.h>

namespace faasnap::base {
namespace {

sigset_t sigpipe_alone() noexcept {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGPIPE);
  return set;
}

bool is_pending() noexcept {
  sigset_t pending;
  ::sigpending(&pending);
  return ::sigismember(&pending, SIGPIPE) == 1;
}

}  // namespace

SigpipeBlock::SigpipeBlock() noexcept : pending_before_(is_pending()) {
  const sigset_t set = sigpipe_alone();
  ::pthread_sigmask(SIG_BLOCK, &set, &before_);
}

SigpipeBlock::~SigpipeBlock() {
  if (!pending_before_ && is_pending()) {
    const sigset_t set = sigpipe_alone();
    constexpr timespec kNow{0, 0};
    ::sigtimedwait(&set, nullptr, &kNow);
  }
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

}  // namespace faasnap::base
