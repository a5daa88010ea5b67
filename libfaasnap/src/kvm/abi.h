// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <linux/ioctl.h>
#include <linux/kvm.h>

#include <array>
#include <cstdint>

namespace faasnap::kvm {

// Structures and requests of the kernel's ABI that C++ cannot take from <linux/kvm.h>. Some end in
// a flexible array: the empty member in its place has no size in C but may have one in C++, so
// sizeof and the request numbers made from it would be wrong. The others are newer than the headers
// that we build with.

// The head of kvm_cpuid2 and kvm_msrs; the entries follow.
struct ListHeader {
  std::uint32_t count = 0;
  std::uint32_t padding = 0;
};

// The head of kvm_msr_list; the indices follow.
struct IndexListHeader {
  std::uint32_t count = 0;
};

// kvm_signal_mask with the kernel's set of signals, bit n-1 for signal n.
struct SignalMask {
  std::uint32_t length = sizeof(std::uint64_t);
  std::array<std::uint32_t, 2> blocked = {};  // low half first; not aligned to 8 bytes
};
using SignalMaskHeader = std::uint32_t;

// kvm_xsave without the part that only AMX needs.
using XsaveArea = std::array<std::uint32_t, 1024>;

inline constexpr unsigned long kGetMsrIndexList = _IOWR(KVMIO, 0x02, IndexListHeader);
inline constexpr unsigned long kGetSupportedCpuid = _IOWR(KVMIO, 0x05, ListHeader);
inline constexpr unsigned long kGetMsrs = _IOWR(KVMIO, 0x88, ListHeader);
inline constexpr unsigned long kSetMsrs = _IOW(KVMIO, 0x89, ListHeader);
inline constexpr unsigned long kSetSignalMask = _IOW(KVMIO, 0x8b, SignalMaskHeader);
inline constexpr unsigned long kSetCpuid2 = _IOW(KVMIO, 0x90, ListHeader);
inline constexpr unsigned long kGetXsave = _IOR(KVMIO, 0xa4, XsaveArea);
inline constexpr unsigned long kSetXsave = _IOW(KVMIO, 0xa5, XsaveArea);

// KVM_PRE_FAULT_MEMORY, since Linux 6.11 (Documentation/virt/kvm/api.rst, 4.143).
struct PreFaultMemory {
  std::uint64_t address = 0;
  std::uint64_t size = 0;
  std::uint64_t flags = 0;
  std::uint64_t padding[5] = {};
};
inline constexpr int kCapPreFaultMemory = 236;
inline constexpr unsigned long kPreFaultMemory = _IOWR(KVMIO, 0xd5, PreFaultMemory);

// The data of KVM_EXIT_MEMORY_FAULT in kvm_run, since Linux 6.8: KVM_RUN failed with EFAULT or
// EHWPOISON (Documentation/virt/kvm/api.rst, 5).
struct MemoryFaultData {
  std::uint64_t flags = 0;
  std::uint64_t address = 0;
  std::uint64_t size = 0;
};
inline constexpr std::uint32_t kExitMemoryFault = 39;

}  // namespace faasnap::kvm
