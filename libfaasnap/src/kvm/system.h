#pragma once

#include <linux/kvm.h>

#include <cstdint>
#include <vector>

#include "base/fd.h"

namespace faasnap::kvm {

// /dev/kvm, opened and checked: API version 12 and every capability that this VMM relies on. Safe
// to share between threads; every VmFd and VcpuFd made with it may outlive it.
class System {
 public:
  // Throws ErrorKind::unsupported or permission, naming /dev/kvm and what to do about it.
  static System open();

  int fd() const noexcept { return fd_.get(); }
  // KVM_CHECK_EXTENSION: 0 when the host lacks it.
  int extension(int capability) const noexcept;
  // What the processor and KVM together can offer a guest, unfiltered.
  std::vector<kvm_cpuid_entry2> supported_cpuid() const;
  // The model-specific registers that KVM names as a vCPU's state.
  std::vector<std::uint32_t> saved_msrs() const;
  // Bytes of the area that a vCPU's descriptor maps.
  int vcpu_mmap_size() const noexcept { return vcpu_mmap_size_; }

 private:
  explicit System(base::UniqueFd fd);

  base::UniqueFd fd_;
  int vcpu_mmap_size_ = 0;
};

}  // namespace faasnap::kvm
