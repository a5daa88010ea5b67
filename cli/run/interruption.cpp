// SPDX-License-Identifier: Apache-2.0

#include "run/interruption.h"

#include <pthread.h>

#include "tools/failure.h"

namespace faasnap::cli {
namespace {

// SIGUSR1 ends the waiting thread.
constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};

std::atomic<int> received_signal{0};

sigset_t watched_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : kSignals) {
    ::sigaddset(&set, number);
  }
  return set;
}

}  // namespace

Interruption::Interruption() {
  const sigset_t set = watched_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, &before_);
  thread_ = std::thread([this] { wait_for_signals(); });
}

Interruption::~Interruption() {
  ending_ = true;
  ::pthread_kill(thread_.native_handle(), SIGUSR1);
  thread_.join();
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

int Interruption::received() noexcept { return received_signal; }

void Interruption::check() {
  if (received() != 0) {
    throw Interrupted();
  }
}

void Interruption::wait_for_signals() {
  const sigset_t set = watched_signals();
  for (;;) {
    int number = 0;
    ::sigwait(&set, &number);
    if (ending_) {
      return;
    }
    if (number == SIGUSR1) {
      continue;
    }
    received_signal = number;
    stop_.request_stop();
  }
}

}  // namespace faasnap::cli
