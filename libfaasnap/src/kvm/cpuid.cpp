// SPDX-License-Identifier: Apache-2.0

#include "kvm/cpuid.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <tuple>

namespace faasnap::kvm {
namespace {

constexpr std::uint32_t kTopologyLeaf = 0xb;
constexpr std::uint32_t kStateLeaf = 0xd;
constexpr std::uint32_t kTileStates = 0x60000;  // XCR0 bits 17 and 18
constexpr std::uint32_t kTypeCore = 2;
constexpr std::uint32_t kTypeThread = 1;

constexpr std::uint32_t bit(unsigned n) { return 1u << n; }

// Leaves that the guest's table omits, so that they read as zero.
constexpr std::array<std::uint32_t, 17> kRemovedLeaves = {
    0x5,                                 // MONITOR
    0xa,        0x23,                    // performance counters
    0xb,        0x1f,                    // topology, which is made anew
    0x12,                                // SGX
    0x14,                                // processor trace
    0x15,       0x16,                    // clock rates, which the guest learns from kvm-clock
    0x1d,       0x1e,                    // AMX
    0x8000000a,                          // SVM
    0x8000001b, 0x8000001d, 0x8000001e,  // IBS; AMD cache and core topology
    0x8000001f, 0x80000022,              // memory encryption; performance counters
};

// Feature bits that the guest does not see.
struct Mask {
  std::uint32_t function;
  std::uint32_t index;
  std::uint32_t kvm_cpuid_entry2::*reg;
  std::uint32_t removed;
};

constexpr auto kEax = &kvm_cpuid_entry2::eax;
constexpr auto kEbx = &kvm_cpuid_entry2::ebx;
constexpr auto kEcx = &kvm_cpuid_entry2::ecx;
constexpr auto kEdx = &kvm_cpuid_entry2::edx;

constexpr std::array kMasks = {
    // DTES64, MONITOR, DS-CPL, VMX, SMX, EST, TM2, PDCM
    Mask{0x1, 0, kEcx, bit(2) | bit(3) | bit(4) | bit(5) | bit(6) | bit(7) | bit(8) | bit(15)},
    Mask{0x1, 0, kEdx, bit(21) | bit(22) | bit(29) | bit(31)},  // DS, ACPI, TM, PBE
    Mask{0x6, 0, kEax, ~bit(2)},                                // all but ARAT
    Mask{0x6, 0, kEbx, ~0u}, Mask{0x6, 0, kEcx, ~0u},
    Mask{0x7, 0, kEbx, bit(2) | bit(25)},             // SGX, processor trace
    Mask{0x7, 0, kEcx, bit(5) | bit(30)},             // WAITPKG, SGX_LC
    Mask{0x7, 0, kEdx, bit(22) | bit(24) | bit(25)},  // AMX-BF16, AMX-TILE, AMX-INT8
    Mask{0x7, 1, kEax, bit(21)},                      // AMX-FP16
    Mask{0x7, 1, kEdx, bit(8)},                       // AMX-COMPLEX
    Mask{kStateLeaf, 0, kEax, kTileStates},
    // asynchronous page faults and their companions, migration control
    Mask{0x40000001, 0, kEax, bit(4) | bit(10) | bit(14) | bit(17)},
    // SVM, IBS, SKINIT, LWP, TOPOEXT, PERFCTR_CORE, PERFCTR_NB, PERFCTR_LLC, MWAITX
    Mask{0x80000001, 0, kEcx,
         bit(2) | bit(10) | bit(12) | bit(15) | bit(22) | bit(23) | bit(24) | bit(28) | bit(29)},
    Mask{0x80000007, 0, kEdx, bit(8)},  // invariant TSC
};

// Number of bits that hold the core numbers of `vcpu_count` cores.
std::uint32_t core_bits(unsigned vcpu_count) {
  return static_cast<std::uint32_t>(std::bit_width(vcpu_count - 1));
}

kvm_cpuid_entry2* find(std::vector<kvm_cpuid_entry2>& entries, std::uint32_t function,
                       std::uint32_t index) {
  const auto at = std::ranges::find_if(entries, [&](const kvm_cpuid_entry2& entry) {
    return entry.function == function && entry.index == index;
  });
  return at == entries.end() ? nullptr : &*at;
}

bool is_removed(const kvm_cpuid_entry2& entry) {
  const bool tile_state = entry.function == kStateLeaf && (entry.index == 17 || entry.index == 18);
  return tile_state || std::ranges::find(kRemovedLeaves, entry.function) != kRemovedLeaves.end();
}

// Sets the topology fields of leaves that hold other fields, too.
void set_topology(kvm_cpuid_entry2& entry, unsigned id, unsigned vcpu_count) {
  switch (entry.function) {
    case 0x1:
      entry.ebx = (entry.ebx & 0xffff) | (vcpu_count << 16) | (id << 24);
      entry.edx = vcpu_count > 1 ? entry.edx | bit(28) : entry.edx & ~bit(28);
      break;
    case 0x4: {
      const std::uint32_t cores = bit(core_bits(vcpu_count)) - 1;
      const bool shared = ((entry.eax >> 5) & 7) >= 3;  // bits 5 to 7 are the level of the cache
      if ((entry.eax & 0x1f) != 0) {
        entry.eax = (entry.eax & 0x3fff) | ((shared ? cores : 0) << 14) | (cores << 26);
      }
      break;
    }
    case 0x80000001:
      entry.ecx = vcpu_count > 1 ? entry.ecx | bit(1) : entry.ecx & ~bit(1);
      break;
    case 0x80000008:
      entry.ecx = (vcpu_count - 1) | (core_bits(vcpu_count) << 12);
      break;
    default:
      break;
  }
}

void add_topology_leaf(std::vector<kvm_cpuid_entry2>& entries, unsigned id, unsigned vcpu_count) {
  const kvm_cpuid_entry2* const first = find(entries, 0, 0);
  if (first == nullptr || first->eax < kTopologyLeaf) {
    return;
  }
  const auto add = [&](std::uint32_t index, std::uint32_t shift, std::uint32_t count,
                       std::uint32_t type) {
    kvm_cpuid_entry2 entry{};
    entry.function = kTopologyLeaf;
    entry.index = index;
    entry.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
    entry.eax = shift;
    entry.ebx = count;
    entry.ecx = index | (type << 8);
    entry.edx = id;
    entries.push_back(entry);
  };
  add(0, 0, 1, kTypeThread);
  add(1, core_bits(vcpu_count), vcpu_count, kTypeCore);
  add(2, 0, 0, 0);
}

// Leaf 0xd, index 0: the size of the largest state area, without the states that are hidden. The
// indices from 2 on hold each state's size and offset.
void set_state_size(std::vector<kvm_cpuid_entry2>& entries) {
  kvm_cpuid_entry2* const summary = find(entries, kStateLeaf, 0);
  if (summary == nullptr) {
    return;
  }
  std::uint32_t size = 576;  // the legacy area and the header
  for (const kvm_cpuid_entry2& entry : entries) {
    const bool offered = entry.index < 32 && (summary->eax & bit(entry.index)) != 0;
    if (entry.function == kStateLeaf && entry.index >= 2 && offered) {
      size = std::max(size, entry.eax + entry.ebx);
    }
  }
  summary->ecx = size;
}

}  // namespace

std::vector<kvm_cpuid_entry2> make_cpuid(std::span<const kvm_cpuid_entry2> supported, unsigned id,
                                         unsigned vcpu_count, bool has_tsc_deadline) {
  std::vector<kvm_cpuid_entry2> entries;
  std::ranges::copy_if(supported, std::back_inserter(entries),
                       [](const kvm_cpuid_entry2& entry) { return !is_removed(entry); });
  for (const Mask& mask : kMasks) {
    if (kvm_cpuid_entry2* const entry = find(entries, mask.function, mask.index)) {
      entry->*mask.reg &= ~mask.removed;
    }
  }
  for (kvm_cpuid_entry2& entry : entries) {
    set_topology(entry, id, vcpu_count);
  }
  if (kvm_cpuid_entry2* const features = find(entries, 0x1, 0)) {
    features->ecx |= bit(21) | bit(31);  // x2APIC, which KVM always has; hypervisor present
    if (has_tsc_deadline) {
      features->ecx |= bit(24);
    }
  }
  set_state_size(entries);
  add_topology_leaf(entries, id, vcpu_count);
  return entries;
}

namespace {

struct FeatureRegister {
  std::uint32_t function;
  std::uint32_t index;
  std::uint32_t kvm_cpuid_entry2::*reg;
  const char* name;
};

// Registers in which each bit is a feature.
constexpr std::array kFeatureRegisters = {
    FeatureRegister{0x1, 0, kEcx, "leaf 0x1 ECX"},
    FeatureRegister{0x1, 0, kEdx, "leaf 0x1 EDX"},
    FeatureRegister{0x7, 0, kEbx, "leaf 0x7 EBX"},
    FeatureRegister{0x7, 0, kEcx, "leaf 0x7 ECX"},
    FeatureRegister{0x7, 0, kEdx, "leaf 0x7 EDX"},
    FeatureRegister{0x7, 1, kEax, "leaf 0x7.1 EAX"},
    FeatureRegister{kStateLeaf, 0, kEax, "leaf 0xd EAX"},
    FeatureRegister{kStateLeaf, 1, kEax, "leaf 0xd.1 EAX"},
    FeatureRegister{0x40000001, 0, kEax, "leaf 0x40000001 EAX"},
    FeatureRegister{0x80000001, 0, kEcx, "leaf 0x80000001 ECX"},
    FeatureRegister{0x80000001, 0, kEdx, "leaf 0x80000001 EDX"},
    FeatureRegister{0x80000008, 0, kEbx, "leaf 0x80000008 EBX"},
};

kvm_cpuid_entry2 entry_or_zero(std::span<const kvm_cpuid_entry2> entries, std::uint32_t function,
                               std::uint32_t index) {
  const auto at = std::ranges::find_if(entries, [&](const kvm_cpuid_entry2& entry) {
    return entry.function == function && entry.index == index;
  });
  return at == entries.end() ? kvm_cpuid_entry2{} : *at;
}

}  // namespace

std::string missing_features(std::span<const kvm_cpuid_entry2> wanted,
                             std::span<const kvm_cpuid_entry2> offered) {
  const auto vendor = [](const kvm_cpuid_entry2& entry) {
    return std::tuple(entry.ebx, entry.ecx, entry.edx);
  };
  std::string missing;
  if (vendor(entry_or_zero(wanted, 0, 0)) != vendor(entry_or_zero(offered, 0, 0))) {
    missing = "a processor of the same vendor";
  }
  for (const FeatureRegister& feature : kFeatureRegisters) {
    const std::uint32_t lacking =
        entry_or_zero(wanted, feature.function, feature.index).*feature.reg &
        ~(entry_or_zero(offered, feature.function, feature.index).*feature.reg);
    if (lacking != 0) {
      missing +=
          fmt::format("{}CPUID {} bits {:#x}", missing.empty() ? "" : ", ", feature.name, lacking);
    }
  }
  return missing;
}

}  // namespace faasnap::kvm
