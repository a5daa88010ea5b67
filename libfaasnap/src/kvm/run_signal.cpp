#include "kvm/run_signal.h"

#include <cstdint>

#include "kvm/abi.h"
#include "kvm/ioctl.h"

namespace faasnap::kvm {

void let_signal_interrupt_run(const VcpuFd& vcpu, int signal) {
  const std::uint64_t blocked = ~(std::uint64_t{1} << (signal - 1));
  SignalMask mask;
  mask.blocked = {static_cast<std::uint32_t>(blocked), static_cast<std::uint32_t>(blocked >> 32)};
  checked_ioctl(vcpu.fd(), kSetSignalMask, &mask, "KVM_SET_SIGNAL_MASK");
}

}  // namespace faasnap::kvm
