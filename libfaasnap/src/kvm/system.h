// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <linux/kvm.h>

#include <cstdint>
#include <vector>

#include "base/files/fd.h"

namespace faasnap::kvm {

// /dev/kvm, opened and checked: API version 12 and every capability that this VMM needs. Safe to
// share between threads. Every VmFd and VcpuFd made with it may outlive it.
class System {
 public:
  // Throws ErrorKind::unsupported or permission; the message names /dev/kvm and the remedy.
  static System open();

  int fd() const noexcept { return fd_.get(); }
  // Returns the answer of KVM_CHECK_EXTENSION, which is 0 if the host lacks `capability`.
  int extension(int capability) const noexcept;
  // Returns what the processor and KVM can offer a guest, unfiltered.
  std::vector<kvm_cpuid_entry2> supported_cpuid() const;
  // Returns the model-specific registers that KVM lists as a vCPU's state.
  std::vector<std::uint32_t> saved_msrs() const;
  // Returns the size in bytes of the area that a vCPU's descriptor maps.
  int vcpu_mmap_size() const noexcept { return vcpu_mmap_size_; }

 private:
  explicit System(base::UniqueFd fd);

  base::UniqueFd fd_;
  int vcpu_mmap_size_ = 0;
};

}  // namespace faasnap::kvm
