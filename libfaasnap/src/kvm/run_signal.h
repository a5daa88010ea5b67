#pragma once

#include "kvm/vcpu_fd.h"

namespace faasnap::kvm {

// Lets `signal`, which the thread that runs `vcpu` blocks, through while the guest runs: it ends
// run() with Interrupted and stays pending, and no handler is needed (KVM_SET_SIGNAL_MASK).
void let_signal_interrupt_run(const VcpuFd& vcpu, int signal);

}  // namespace faasnap::kvm
