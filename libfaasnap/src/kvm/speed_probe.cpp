// SPDX-License-Identifier: Apache-2.0

#include "kvm/speed_probe.h"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <variant>

#include "base/clock.h"
#include "base/error.h"
#include "kvm/ioctl.h"
#include "kvm/vcpu_fd.h"
#include "kvm/vm_fd.h"
#include "memory/guest_memory.h"

namespace faasnap::kvm {
namespace {

constexpr memory::GuestAddress kCode{0x1000};
constexpr memory::GuestAddress kCount{0x2000};
constexpr std::uint32_t kFirstRounds = 10'000;
constexpr std::uint32_t kLargestRounds = 10'000'000;
constexpr std::uint32_t kGrowth = 4;
constexpr double kInstructionsPerRound = 2;
// Of the runs that nothing disturbed, and of all.
constexpr Nanoseconds kTimeCap = std::chrono::milliseconds(300);
constexpr Nanoseconds kBusyTimeCap = std::chrono::seconds(1);

// 32-bit protected mode, flat segments, no paging.
constexpr std::array<unsigned char, 13> kLoop = {
    0x8b, 0x0d, 0x00, 0x20, 0x00, 0x00,  // again: mov ecx, [kCount]
    0x49,                                // count: dec ecx
    0x75, 0xfd,                          //        jnz count
    0xe6, 0x80,                          //        out 0x80, al
    0xeb, 0xf3,                          //        jmp again
};

void enter_protected_mode(VcpuFd& vcpu) {
  memory::BootRegisters boot;
  boot.rip = kCode.value;
  boot.cr0 = 0x11;  // PE, ET
  boot.code = {0x08, 0x00cf9b000000ffff};
  boot.data = {0x10, 0x00cf93000000ffff};
  boot.task = {0x18, 0x00008b0000000067};
  vcpu.set_boot_state(boot);
}

// Runs the loop for so many rounds.
void run_loop(VcpuFd& vcpu, const memory::GuestMemory& memory, std::uint32_t rounds) {
  memory.write_value(kCount, rounds);
  Exit exit = Interrupted{};
  while (std::holds_alternative<Interrupted>(exit)) {
    exit = vcpu.run();
  }
  if (!std::holds_alternative<IoExit>(exit)) {
    const auto* error = std::get_if<InternalError>(&exit);
    base::fail(ErrorKind::unsupported, "run a probe guest", kDevice,
               error != nullptr ? error->reason : "the guest stopped unexpectedly");
  }
}

// Returns how often the kernel has taken the processor from this thread.
long preemptions() noexcept {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nivcsw;
}

}  // namespace

TimedRun time_run(const std::function<void()>& run) {
  const long before = preemptions();
  const Nanoseconds start = base::monotonic_now();
  run();
  const Nanoseconds elapsed = base::monotonic_now() - start;
  return {elapsed, preemptions() != before};
}

SpeedProbe find_speed(const std::function<TimedRun(std::uint32_t rounds)>& run_loop) {
  SpeedProbe probe;
  Nanoseconds spent{};
  Nanoseconds undisturbed{};
  std::uint32_t rounds = kFirstRounds;
  while (rounds <= kLargestRounds) {
    const TimedRun run = run_loop(rounds);
    const Nanoseconds elapsed = std::max(run.elapsed, Nanoseconds(1));
    spent += elapsed;
    probe.instructions_per_second =
        std::max(probe.instructions_per_second,
                 kInstructionsPerRound * rounds / std::chrono::duration<double>(elapsed).count());
    if (run.preempted && spent < kBusyTimeCap) {
      continue;
    }
    undisturbed += elapsed;
    if (undisturbed + elapsed * kGrowth > kTimeCap) {
      break;
    }
    rounds *= kGrowth;
  }
  probe.usable = probe.instructions_per_second >= kUsableInstructionsPerSecond;
  return probe;
}

SpeedProbe probe_speed(const System& system) {
  const memory::GuestMemory memory(memory::kMinimumSize);
  VmFd vm(system);
  vm.map_memory(memory);
  VcpuFd vcpu(system, vm, 0, 1);
  memory.write(kCode, std::as_bytes(std::span(kLoop)));
  enter_protected_mode(vcpu);
  return find_speed(
      [&](std::uint32_t rounds) { return time_run([&] { run_loop(vcpu, memory, rounds); }); });
}

}  // namespace faasnap::kvm
