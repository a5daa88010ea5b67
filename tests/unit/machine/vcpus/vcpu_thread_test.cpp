// SPDX-License-Identifier: Apache-2.0

#include "machine/vcpus/vcpu_thread.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <csignal>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>

#include "kvm/tiny_guest.h"

namespace faasnap::machine {
namespace {

using namespace std::chrono_literals;
using kvm::test::TinyGuest;

// Notes how a guest ends.
class EndNote : public ExitHandler {
 public:
  void handle_io(const kvm::IoExit&) override {
    if (on_io) {
      on_io();
    }
  }
  void handle_mmio(const kvm::MmioExit&) override {}
  void handle_memory_fault(const kvm::MemoryFault& fault) override {
    handle_end(VmState::internal_error, fault.reason);
  }
  void handle_end(VmState state, std::string reason) override {
    const std::lock_guard lock(mutex_);
    state_ = state;
    reason_ = std::move(reason);
  }
  bool ended() const {
    const std::lock_guard lock(mutex_);
    return is_final(state_);
  }
  std::string reason() const {
    const std::lock_guard lock(mutex_);
    return reason_;
  }

  std::function<void()> on_io{};

 private:
  mutable std::mutex mutex_;
  VmState state_ = VmState::running;
  std::string reason_;
};

template <typename Condition>
bool soon(Condition condition) {
  for (int i = 0; i < 3000 && !condition(); ++i) {
    std::this_thread::sleep_for(10ms);
  }
  return condition();
}

// A guest that runs on its own thread.
struct RunningGuest {
  explicit RunningGuest(std::initializer_list<std::uint8_t> code = {0xeb, 0xfe})  // jmp to itself
      : guest(code), thread(std::move(*guest.vcpu), 0, note) {}
  void start() {
    thread.resume();
    REQUIRE(soon([&] { return thread.first_entry() != Nanoseconds(0); }));
    std::this_thread::sleep_for(20ms);  // lets it enter the guest
  }

  EndNote note;
  TinyGuest guest;
  VcpuThread thread;
};

TEST_CASE("a process changes its group while a vCPU is in the guest") {
  RunningGuest running;
  running.start();
  // The C library waits until every thread has changed its group, too.
  auto changed = std::async(std::launch::async, [] { return ::setgid(::getgid()); });
  CHECK(changed.wait_for(30s) == std::future_status::ready);
  CHECK_FALSE(running.note.ended());
  running.thread.stop();  // lets a thread that waits in vain go on
  CHECK(changed.get() == 0);
}

TEST_CASE("a vCPU thread leaves alone the signals that were sent to the process") {
  const int signal = GENERATE(SIGRTMIN, SIGSTKFLT);
  sigset_t only;
  ::sigemptyset(&only);
  ::sigaddset(&only, signal);
  sigset_t before;
  REQUIRE(::pthread_sigmask(SIG_BLOCK, &only, &before) == 0);
  {
    RunningGuest running;
    running.start();
    REQUIRE(::kill(::getpid(), signal) == 0);
    for (int i = 0; i < 3; ++i) {
      running.thread.request_pause();
      running.thread.wait_parked();
      running.thread.resume();
    }
  }
  constexpr timespec kNow{};
  CHECK(::sigtimedwait(&only, nullptr, &kNow) == signal);
  CHECK(::sigtimedwait(&only, nullptr, &kNow) == -1);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_CASE("a vCPU thread can be paused as often as one likes") {
  RunningGuest running;
  for (int i = 0; i < 100; ++i) {
    running.thread.resume();
    running.thread.request_pause();
    running.thread.wait_parked();
  }
  CHECK_FALSE(running.note.ended());
}

// Plays KVM, which sends the signal to the thread when the guest wants such a page.
TEST_CASE("a page with a memory error ends the guest") {
  RunningGuest running;
  running.start();
  REQUIRE(::syscall(SYS_tgkill, ::getpid(), running.thread.thread_id(), SIGBUS) == 0);
  CHECK(soon([&] { return running.note.ended(); }));
  CHECK(running.note.reason().find("memory error") != std::string::npos);
}

TEST_CASE("whatever a handler throws ends the guest and not the process") {
  RunningGuest running({0xe6, 0x51, 0xeb, 0xfe});  // out 0x51, al; jmp to itself
  running.note.on_io = [] { throw 17; };
  running.thread.resume();
  CHECK(soon([&] { return running.note.ended(); }));
  CHECK(running.note.reason() == "unknown exception");
}

}  // namespace
}  // namespace faasnap::machine
