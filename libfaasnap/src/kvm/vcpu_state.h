// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <linux/kvm.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "kvm/abi.h"

namespace faasnap::kvm {

// The state of a vCPU as plain data, between KVM and the bytes of a snapshot. The structures are
// the kernel's ABI, which does not change.
struct VcpuState {
  std::vector<kvm_cpuid_entry2> cpuid;
  std::uint32_t tsc_khz = 0;
  kvm_mp_state mp_state{};
  kvm_regs regs{};
  kvm_sregs sregs{};
  kvm_xcrs xcrs{};
  XsaveArea xsave{};
  kvm_debugregs debugregs{};
  kvm_lapic_state lapic{};
  kvm_vcpu_events events{};
  std::vector<kvm_msr_entry> msrs;  // in the order in which they must be written
};

std::vector<std::byte> encode(const VcpuState& state);

// Throws ErrorKind::corrupt for bytes that encode() cannot have written.
VcpuState decode_vcpu_state(base::ByteReader& in);

}  // namespace faasnap::kvm
