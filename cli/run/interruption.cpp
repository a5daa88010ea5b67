#include "run/interruption.h"

#include <pthread.h>

#include <exception>
#include <utility>

#include "failure.h"

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
    const std::lock_guard lock(mutex_);
    received_signal = number;
    if (action_) {
      action_();
    }
  }
}

Interruption::Guard::Guard(Interruption& interruption, std::function<void()> action)
    : interruption_(interruption) {
  const std::lock_guard lock(interruption_.mutex_);
  check();
  outer_ = std::exchange(interruption_.action_, std::move(action));
}

Interruption::Guard::~Guard() {
  const std::lock_guard lock(interruption_.mutex_);
  interruption_.action_ = std::move(outer_);
}

}  // namespace faasnap::cli
