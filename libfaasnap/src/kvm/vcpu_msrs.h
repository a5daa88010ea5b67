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

// The registers that a snapshot of a vCPU holds, in the order in which they are to be written: what
// KVM lists, and the memory type ranges and machine-check banks, which it does not; without those
// of features that make_cpuid takes from the guest, and without the paravirtual clock's old names
// and its wall clock (writing that one changes guest memory, and a guest writes it anew before each
// use). The TSC and its deadline come last: the deadline counts in the TSC's time.
std::vector<std::uint32_t> msrs_to_save(const System& system);

// Reads those of `indices` that can be read.
std::vector<kvm_msr_entry> read_msrs(int vcpu_fd, std::span<const std::uint32_t> indices);

// Writes all. One that cannot be written is ErrorKind::version, unless it has that value already.
void write_msrs(int vcpu_fd, std::span<const kvm_msr_entry> msrs);

}  // namespace faasnap::kvm
