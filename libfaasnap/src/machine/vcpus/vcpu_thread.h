// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <sys/types.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include <faasnap/units.h>
#include <faasnap/vm_state.h>

#include "kvm/vcpu_fd.h"

namespace faasnap::machine {

// Handles a vCPU's exits. Called on vCPU threads, concurrently.
class ExitHandler {
 public:
  virtual ~ExitHandler() = default;
  virtual void handle_io(const kvm::IoExit& exit) = 0;
  virtual void handle_mmio(const kvm::MmioExit& exit) = 0;
  virtual void handle_memory_fault(const kvm::MemoryFault& fault) = 0;
  // The guest cannot continue; `state` is final.
  virtual void handle_end(VmState state, std::string reason) = 0;
};

// One vCPU and the thread that runs it. The thread starts parked. Only one thread at a time may
// control it; the handler is called on the vCPU's thread.
class VcpuThread {
 public:
  VcpuThread(kvm::VcpuFd vcpu, unsigned index, ExitHandler& handler);
  ~VcpuThread();
  VcpuThread(const VcpuThread&) = delete;
  VcpuThread& operator=(const VcpuThread&) = delete;

  // Has no effect after halt().
  void resume();
  // Makes the vCPU leave the guest. May be called from any thread, also a vCPU's.
  void request_pause() noexcept;
  // Does the same for good: when it returns, the vCPU enters the guest no more.
  void halt() noexcept;
  // Waits until the thread is parked and no exit is half handled. Must not be called on a vCPU
  // thread.
  void wait_parked();
  // Ends the thread. Must not be called on a vCPU thread.
  void stop() noexcept;

  // The vCPU's state, which may be touched only while the thread is parked.
  kvm::VcpuFd& vcpu() noexcept { return vcpu_; }
  pid_t thread_id() const noexcept { return thread_id_; }
  // Returns when the guest was first entered (CLOCK_MONOTONIC), or zero before that.
  Nanoseconds first_entry() const noexcept { return Nanoseconds(first_entry_.load()); }

 private:
  enum class Command { park, run, end };

  void loop();
  void run_guest();
  bool handle(const kvm::Exit& exit);
  void command(Command next) noexcept;
  void command_locked(Command next) noexcept;
  void discard_signal_locked() noexcept;

  kvm::VcpuFd vcpu_;
  ExitHandler& handler_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<Command> command_ = Command::park;
  bool parked_ = false;
  bool halted_ = false;
  bool interrupted_ = false;  // a signal was sent that the thread has not taken
  std::atomic<pid_t> thread_id_ = 0;
  std::atomic<Nanoseconds::rep> first_entry_ = 0;
  std::thread thread_;
};

}  // namespace faasnap::machine
