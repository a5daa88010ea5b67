// SPDX-License-Identifier: Apache-2.0

#include "machine/vcpus/vcpu_thread.h"

#include <fmt/format.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <exception>
#include <utility>

#include "base/clock.h"
#include "base/exception.h"
#include "base/threads/thread.h"
#include "kvm/vcpu_fd.h"

namespace faasnap::machine {
namespace {

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

// Interrupts KVM_RUN. Nothing sends it on x86 any more, so it is nobody else's. Unlike a real-time
// signal it is pending at most once, and it can be sent whatever the process's limits are.
constexpr int kInterrupt = SIGSTKFLT;

VmState final_state(const kvm::SystemEvent& event) {
  switch (event.type) {
    case KVM_SYSTEM_EVENT_SHUTDOWN:
      return VmState::powered_off;
    case KVM_SYSTEM_EVENT_RESET:
      return VmState::reset;
    case KVM_SYSTEM_EVENT_CRASH:
      return VmState::panicked;
    default:
      return VmState::internal_error;
  }
}

}  // namespace

VcpuThread::VcpuThread(kvm::VcpuFd vcpu, unsigned index, ExitHandler& handler)
    : vcpu_(std::move(vcpu)), handler_(handler) {
  // The thread blocks every signal; only KVM_RUN lets this one through, and then returns.
  kvm::let_signal_interrupt_run(vcpu_, kInterrupt);
  thread_ = base::start_thread(fmt::format("faasnap-vcpu{}", index), [this] { loop(); });
}

VcpuThread::~VcpuThread() { stop(); }

void VcpuThread::command(Command next) noexcept {
  const std::lock_guard lock(mutex_);
  command_locked(next);
}

void VcpuThread::command_locked(Command next) noexcept {
  if (command_ == Command::end || (halted_ && next == Command::run)) {
    return;
  }
  command_ = next;
  // Set before the signal: a thread that is about to enter the guest misses the signal but sees the
  // flag.
  vcpu_.set_immediate_exit(next != Command::run);
  if (next != Command::run) {
    ::pthread_kill(thread_.native_handle(), kInterrupt);
    interrupted_ = true;
  }
  changed_.notify_all();
}

// The signal that has interrupted KVM_RUN stays pending because the thread blocks it, and would
// interrupt every later run. Takes no more than was sent: a thread's own signals come before those
// of its process, which are somebody else's.
void VcpuThread::discard_signal_locked() noexcept {
  if (std::exchange(interrupted_, false)) {
    sigset_t only;
    ::sigemptyset(&only);
    ::sigaddset(&only, kInterrupt);
    constexpr timespec kNow{};
    ::sigtimedwait(&only, nullptr, &kNow);
  }
}

void VcpuThread::resume() { command(Command::run); }

void VcpuThread::request_pause() noexcept { command(Command::park); }

void VcpuThread::halt() noexcept {
  const std::lock_guard lock(mutex_);
  halted_ = true;
  command_locked(Command::park);
}

void VcpuThread::wait_parked() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return parked_; });
}

void VcpuThread::stop() noexcept {
  if (thread_.joinable()) {
    command(Command::end);
    thread_.join();
  }
}

void VcpuThread::loop() {
  thread_id_ = ::gettid();
  std::unique_lock lock(mutex_);
  for (;;) {
    parked_ = true;
    changed_.notify_all();
    changed_.wait(lock, [&] { return command_ != Command::park; });
    if (command_ == Command::end) {
      return;
    }
    parked_ = false;
    lock.unlock();
    run_guest();
    lock.lock();
    discard_signal_locked();
  }
}

void VcpuThread::run_guest() {
  if (first_entry_ == 0) {
    first_entry_ = base::monotonic_now().count();
  }
  try {
    while (command_ == Command::run && handle(vcpu_.run())) {
    }
    // A guest access of several parts may need more exits before it is complete.
    for (kvm::Exit rest = vcpu_.complete_pending_io();
         !std::holds_alternative<kvm::Interrupted>(rest) && handle(rest);
         rest = vcpu_.complete_pending_io()) {
    }
  } catch (...) {
    handler_.handle_end(VmState::internal_error, base::describe(std::current_exception()));
  }
}

bool VcpuThread::handle(const kvm::Exit& exit) {
  const auto end = [this](VmState state, std::string reason = {}) {
    handler_.handle_end(state, std::move(reason));
    return false;
  };
  return std::visit(
      Overloaded{
          [&](const kvm::IoExit& io) { return handler_.handle_io(io), true; },
          [&](const kvm::MmioExit& mmio) { return handler_.handle_mmio(mmio), true; },
          [&](const kvm::Interrupted&) {
            const std::lock_guard lock(mutex_);
            discard_signal_locked();
            return true;
          },
          [](const kvm::Halted&) { return true; },
          [&](const kvm::Shutdown&) { return end(VmState::triple_fault); },
          [&](const kvm::SystemEvent& event) { return end(final_state(event)); },
          [&](const kvm::InternalError& error) {
            return end(VmState::internal_error, error.reason);
          },
          [&](const kvm::MemoryFault& fault) { return handler_.handle_memory_fault(fault), false; },
      },
      exit);
}

}  // namespace faasnap::machine
