// SPDX-License-Identifier: Apache-2.0

#include "kvm/speed_probe.h"

#include <fmt/format.h>

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
constexpr std::uint32_t kFirstCount = 10'000;
constexpr std::uint32_t kLargestCount = 10'000'000;
constexpr double kInstructionsPerCount = 2;
constexpr Nanoseconds kTimeCap = std::chrono::milliseconds(300);

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

// Runs the loop `count` times and returns how long that took.
Nanoseconds time_loop(VcpuFd& vcpu, const memory::GuestMemory& memory, std::uint32_t count) {
  memory.write_value(kCount, count);
  const Nanoseconds start = base::monotonic_now();
  Exit exit = Interrupted{};
  while (std::holds_alternative<Interrupted>(exit)) {
    exit = vcpu.run();
  }
  const Nanoseconds elapsed = base::monotonic_now() - start;
  if (!std::holds_alternative<IoExit>(exit)) {
    const auto* error = std::get_if<InternalError>(&exit);
    base::fail(ErrorKind::unsupported, "run a probe guest", kDevice,
               error != nullptr ? error->reason : "the guest stopped unexpectedly");
  }
  return elapsed;
}

}  // namespace

SpeedProbe probe_speed(const System& system) {
  const memory::GuestMemory memory(memory::kMinimumSize);
  VmFd vm(system);
  vm.map_memory(memory);
  VcpuFd vcpu(system, vm, 0, 1);
  memory.write(kCode, std::as_bytes(std::span(kLoop)));
  enter_protected_mode(vcpu);

  // The runs grow until the next would exceed the time allowed: in long ones, what entering and
  // leaving costs counts least. The fastest is the result, since a busy host only ever slows a run.
  const Nanoseconds start = base::monotonic_now();
  SpeedProbe probe;
  for (std::uint32_t count = kFirstCount; count <= kLargestCount; count *= 4) {
    const Nanoseconds elapsed = std::max(time_loop(vcpu, memory, count), Nanoseconds(1));
    probe.instructions_per_second =
        std::max(probe.instructions_per_second,
                 kInstructionsPerCount * count / std::chrono::duration<double>(elapsed).count());
    const Nanoseconds next = elapsed * 4;
    if (base::monotonic_now() - start + next > kTimeCap) {
      break;
    }
  }
  probe.usable = probe.instructions_per_second >= kUsableInstructionsPerSecond;
  return probe;
}

}  // namespace faasnap::kvm
