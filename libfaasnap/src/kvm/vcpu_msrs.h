// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <linux/kvm.h>

#include <cstdint>
#include <span>
#include <vector>

#include "kvm/system.h"

namespace faasnap::kvm {

inline constexpr std::uint32_t kMsrTsc = 0x10;
inline constexpr std::uint32_t kMsrMiscEnable = 0x1a0;
inline constexpr std::uint32_t kMsrMtrrDefaultType = 0x2ff;
inline constexpr std::uint32_t kMsrTscDeadline = 0x6e0;

// Returns the registers that a vCPU's snapshot holds, in the order in which they must be written:
// those that KVM lists, and debug control, memory type ranges and machine-check banks, which it
// does not list.
// Left out are the registers of features that make_cpuid hides, the paravirtual clock's old names,
// and its wall clock: writing that one changes guest memory, and a guest writes it before each use.
// The TSC and its deadline come last, because the deadline is in TSC time.
std::vector<std::uint32_t> msrs_to_save(const System& system);

// Returns the values of those of `indices` that can be read.
std::vector<kvm_msr_entry> read_msrs(int vcpu_fd, std::span<const std::uint32_t> indices);

// Writes all of `msrs`. Throws ErrorKind::version if one cannot be written and does not have that
// value already.
void write_msrs(int vcpu_fd, std::span<const kvm_msr_entry> msrs);

}  // namespace faasnap::kvm
