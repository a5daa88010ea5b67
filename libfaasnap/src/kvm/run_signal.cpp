#include "kvm/run_signal.h"

#include <linux/kvm.h>
#include <sys/ioctl.h>

#include <array>
#include <cstdint>
#include <cstring>

#include "base/error.h"

namespace faasnap::kvm {

void let_signal_interrupt_run(const VcpuFd& vcpu, int signal) {
  // The kernel's sigset_t: one bit per signal, the first signal being number 1.
  const std::uint64_t blocked = ~(std::uint64_t{1} << (signal - 1));
  alignas(kvm_signal_mask) std::array<std::byte, sizeof(kvm_signal_mask) + sizeof(blocked)>
      argument;
  const __u32 length = sizeof(blocked);
  static_assert(sizeof(kvm_signal_mask) == sizeof(length));
  std::memcpy(argument.data(), &length, sizeof(length));
  std::memcpy(argument.data() + sizeof(length), &blocked, sizeof(blocked));
  if (::ioctl(vcpu.fd(), KVM_SET_SIGNAL_MASK, argument.data()) != 0) {
    base::fail_errno("set signal mask of vCPU");
  }
}

}  // namespace faasnap::kvm
