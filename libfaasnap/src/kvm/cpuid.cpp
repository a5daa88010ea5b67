// SPDX-License-Identifier: Apache-2.0

#include "kvm/cpuid.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <set>
#include <utility>

namespace faasnap::kvm {
namespace {

constexpr std::uint32_t kTopologyLeaf = 0xb;
constexpr std::uint32_t kStateLeaf = 0xd;
constexpr std::uint32_t kKvmLeaf = 0x40000000;
constexpr std::uint32_t kTypeCore = 2;
constexpr std::uint32_t kTypeThread = 1;

constexpr std::uint32_t bit(unsigned n) { return 1u << n; }

// The mask of the bits `numbers`, for a register with few of them.
template <typename... Numbers>
constexpr std::uint32_t bits(Numbers... numbers) {
  return (bit(numbers) | ... | 0u);
}

// What the bits of a register say, and so how two processors compare.
enum class Meaning {
  information,  // describes the processor; no guest depends on it
  features,     // each bit is something that the processor can do
  identity,     // must be equal
  limits,       // each byte is a number, and a guest needs at least its own
};

using Register = std::uint32_t kvm_cpuid_entry2::*;
constexpr Register kEax = &kvm_cpuid_entry2::eax;
constexpr Register kEbx = &kvm_cpuid_entry2::ebx;
constexpr Register kEcx = &kvm_cpuid_entry2::ecx;
constexpr Register kEdx = &kvm_cpuid_entry2::edx;
constexpr std::array<std::pair<Register, const char*>, 4> kRegisters = {
    {{kEax, "EAX"}, {kEbx, "EBX"}, {kEcx, "ECX"}, {kEdx, "EDX"}}};

constexpr std::uint32_t kAll = ~0u;

// Bits of a register that a guest may see.
struct Allowed {
  std::uint32_t function;
  std::uint32_t index;
  Register reg;
  std::uint32_t mask;
  Meaning meaning;
};

// Leaves whose entries are told apart by an index.
constexpr std::array<std::uint32_t, 5> kIndexedLeaves = {0x4, 0x7, kTopologyLeaf, kStateLeaf, 0x24};

// Leaves of which all bits describe: caches and their buffers, topology, the processor's name.
constexpr std::array<std::uint32_t, 8> kDescriptiveLeaves = {
    0x2, 0x4, kTopologyLeaf, 0x80000002, 0x80000003, 0x80000004, 0x80000005, 0x80000006};

template <typename Leaves>
bool is_in(const Leaves& leaves, std::uint32_t function) {
  return std::ranges::find(leaves, function) != leaves.end();
}

// The states of XCR0 that fit the 4 KiB of KVM_GET_XSAVE: all but those of AMX and APX.
constexpr std::uint32_t kSavedStates = bits(0, 1, 2, 3, 4, 5, 6, 7, 9);

// All that a guest may see of a processor. Whatever has state is here only if VcpuFd::save saves
// it; what is not here reads as zero, as any later feature does. Left out on purpose are nested
// virtualization, performance counters, processor trace, SGX, AMX, shadow stacks and indirect
// branch tracking (CET, whose shadow-stack pointer is not a register that KVM_GET_MSRS knows),
// memory encryption, IBS, asynchronous page faults; the clock rates and the invariant TSC, so that
// Linux keeps time by kvm-clock, which a restore can set right; MONITOR and MWAIT, which KVM does
// not run; and topology, which make_cpuid makes anew.
constexpr auto kInformation = Meaning::information;
constexpr auto kFeatures = Meaning::features;
constexpr auto kIdentity = Meaning::identity;
constexpr auto kLimits = Meaning::limits;
constexpr std::array kAllowed = {
    // The largest leaf, and the vendor.
    Allowed{0x0, 0, kEax, kAll, kInformation},
    Allowed{0x0, 0, kEbx, kAll, kIdentity},
    Allowed{0x0, 0, kEcx, kAll, kIdentity},
    Allowed{0x0, 0, kEdx, kAll, kIdentity},
    // Family, model, stepping; the size of CLFLUSH, and topology.
    Allowed{0x1, 0, kEax, kAll, kInformation},
    Allowed{0x1, 0, kEbx, kAll, kInformation},
    // SSE3, PCLMULQDQ, SSSE3, FMA, CMPXCHG16B, PCID, SSE4.1, SSE4.2, x2APIC, MOVBE, POPCNT, TSC
    // deadline, AES, XSAVE, OSXSAVE, AVX, F16C, RDRAND, hypervisor
    Allowed{0x1, 0, kEcx,
            bits(0, 1, 9, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31),
            kFeatures},
    // All but PSN, DS, ACPI, TM, IA64 and PBE.
    Allowed{0x1, 0, kEdx, ~bits(10, 18, 20, 21, 22, 29, 30, 31), kFeatures},
    // ARAT
    Allowed{0x6, 0, kEax, bit(2), kFeatures},
    Allowed{0x7, 0, kEax, kAll, kInformation},
    // All but SGX, PQM, PQE, PCOMMIT and processor trace.
    Allowed{0x7, 0, kEbx, ~bits(2, 12, 15, 22, 25), kFeatures},
    // AVX512_VBMI, UMIP, PKU, OSPKE, AVX512_VBMI2, GFNI, VAES, VPCLMULQDQ, AVX512_VNNI,
    // AVX512_BITALG, AVX512_VPOPCNTDQ, LA57, RDPID, BUS_LOCK_DETECT, CLDEMOTE, MOVDIRI, MOVDIR64B
    Allowed{0x7, 0, kEcx, bits(1, 2, 3, 4, 6, 8, 9, 10, 11, 12, 14, 16, 22, 24, 25, 27, 28),
            kFeatures},
    // AVX512_4VNNIW, AVX512_4FMAPS, FSRM, AVX512_VP2INTERSECT, MD_CLEAR, SERIALIZE, TSXLDTRK,
    // AVX512_FP16, SPEC_CTRL, STIBP, L1D_FLUSH, ARCH_CAPABILITIES, SSBD
    Allowed{0x7, 0, kEdx, bits(2, 3, 4, 8, 10, 14, 16, 23, 26, 27, 28, 29, 31), kFeatures},
    // SHA512, SM3, SM4, AVX_VNNI, AVX512_BF16, CMPCCXADD, FZRM, FSRS, FSRC, LKGS, WRMSRNS,
    // AVX_IFMA, LAM
    Allowed{0x7, 1, kEax, bits(0, 1, 2, 4, 5, 7, 10, 11, 12, 18, 19, 23, 26), kFeatures},
    // MSR_IMM
    Allowed{0x7, 1, kEcx, bit(5), kFeatures},
    // AVX_VNNI_INT8, AVX_NE_CONVERT, AVX_VNNI_INT16, PREFETCHI, AVX10
    Allowed{0x7, 1, kEdx, bits(4, 5, 10, 14, 19), kFeatures},
    // PSFD, IPRED_CTRL, RRSBA_CTRL, DDPD_U, BHI_CTRL, MCDT_NO
    Allowed{0x7, 2, kEdx, bits(0, 1, 2, 3, 4, 5), kFeatures},
    // The states of XCR0 and their sizes; XSAVEOPT, XSAVEC, XGETBV with ECX = 1, XSAVES, XFD. No
    // state of IA32_XSS.
    Allowed{kStateLeaf, 0, kEax, kSavedStates, kFeatures},
    Allowed{kStateLeaf, 0, kEbx, kAll, kInformation},
    Allowed{kStateLeaf, 0, kEcx, kAll, kInformation},
    Allowed{kStateLeaf, 1, kEax, bits(0, 1, 2, 3, 4), kFeatures},
    Allowed{kStateLeaf, 1, kEbx, kAll, kInformation},
    // The version of AVX10, and its lengths of vectors.
    Allowed{0x24, 0, kEbx, 0xff, kLimits},
    Allowed{0x24, 0, kEbx, bits(16, 17, 18), kFeatures},
    // The largest leaf of KVM, and its signature.
    Allowed{kKvmLeaf, 0, kEax, kAll, kInformation},
    Allowed{kKvmLeaf, 0, kEbx, kAll, kIdentity},
    Allowed{kKvmLeaf, 0, kEcx, kAll, kIdentity},
    Allowed{kKvmLeaf, 0, kEdx, kAll, kIdentity},
    // CLOCKSOURCE, NOP_IO_DELAY, CLOCKSOURCE2, STEAL_TIME, PV_EOI, PV_UNHALT, PV_TLB_FLUSH,
    // PV_SEND_IPI, POLL_CONTROL, PV_SCHED_YIELD, CLOCKSOURCE_STABLE
    Allowed{0x40000001, 0, kEax, bits(0, 1, 3, 5, 6, 7, 9, 11, 12, 13, 24), kFeatures},
    // The largest extended leaf, and the vendor again.
    Allowed{0x80000000, 0, kEax, kAll, kInformation},
    Allowed{0x80000000, 0, kEbx, kAll, kIdentity},
    Allowed{0x80000000, 0, kEcx, kAll, kIdentity},
    Allowed{0x80000000, 0, kEdx, kAll, kIdentity},
    Allowed{0x80000001, 0, kEax, kAll, kInformation},
    Allowed{0x80000001, 0, kEbx, kAll, kInformation},
    // LAHF, CMP_LEGACY, CR8_LEGACY, ABM, SSE4A, MISALIGNSSE, 3DNOWPREFETCH, OSVW, XOP, FMA4, TBM
    Allowed{0x80000001, 0, kEcx, bits(0, 1, 4, 5, 6, 7, 8, 9, 11, 16, 21), kFeatures},
    // Those of leaf 1; SYSCALL, NX, MMXEXT, FXSR_OPT, GBPAGES, RDTSCP, LM, 3DNOWEXT, 3DNOW
    Allowed{0x80000001, 0, kEdx, ~bits(10, 18, 19, 21, 28), kFeatures},
    // OVERFLOW_RECOV, SUCCOR
    Allowed{0x80000007, 0, kEbx, bits(0, 1), kFeatures},
    // The widths of physical, linear and guest-physical addresses.
    Allowed{0x80000008, 0, kEax, 0xffffff, kLimits},
    // CLZERO, XSAVEERPTR, WBNOINVD, IBPB, IBRS, STIBP, IBRS_ALWAYS_ON, STIBP_ALWAYS_ON,
    // IBRS_PREFERRED, IBRS_SAME_MODE, EFER_LMSLE_MBZ, SSBD, VIRT_SSBD, SSB_NO, PSFD, BTC_NO,
    // IBPB_RET
    Allowed{0x80000008, 0, kEbx,
            bits(0, 2, 9, 12, 14, 15, 16, 17, 18, 19, 20, 24, 25, 26, 28, 29, 30), kFeatures},
    Allowed{0x80000008, 0, kEcx, kAll, kInformation},
    Allowed{0x80000019, 0, kEax, kAll, kInformation},
    Allowed{0x80000019, 0, kEbx, kAll, kInformation},
    Allowed{0x8000001a, 0, kEax, kAll, kInformation},
    // NO_NESTED_DATA_BP, WRMSR_XX_BASE_NS, LFENCE_RDTSC, VERW_CLEAR, NULL_SEL_CLR_BASE, AUTOIBRS,
    // NO_SMM_CTL_MSR, FSRS, FSRC, PREFETCHI, SBPB, IBPB_BRTYPE, SRSO_NO, SRSO_USER_KERNEL_NO
    Allowed{0x80000021, 0, kEax, bits(0, 1, 2, 5, 6, 8, 9, 10, 11, 20, 27, 28, 29, 30), kFeatures},
    // TSA_SQ_NO, TSA_L1_NO
    Allowed{0x80000021, 0, kEcx, bits(1, 2), kFeatures},
};

constexpr bool is_state(std::uint32_t index) {
  return index >= 2 && index < 32 && (kSavedStates & bit(index)) != 0;
}

// Returns the bits of a register that a guest may see.
std::uint32_t allowed_bits(const kvm_cpuid_entry2& entry, Register reg) {
  if (is_in(kDescriptiveLeaves, entry.function)) {
    return kAll;
  }
  // The size of a state, its offset and its alignment.
  if (entry.function == kStateLeaf && is_state(entry.index)) {
    return reg == kEdx ? 0 : kAll;
  }
  std::uint32_t mask = 0;
  for (const Allowed& allowed : kAllowed) {
    if (allowed.function == entry.function && allowed.index == entry.index && allowed.reg == reg) {
      mask |= allowed.mask;
    }
  }
  return mask;
}

bool hides_all(const kvm_cpuid_entry2& entry) {
  return std::ranges::all_of(kRegisters,
                             [&](const auto& reg) { return allowed_bits(entry, reg.first) == 0; });
}

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
  for (kvm_cpuid_entry2 entry : supported) {
    if (entry.function == kTopologyLeaf || hides_all(entry)) {
      continue;
    }
    for (const auto& [reg, name] : kRegisters) {
      entry.*reg &= allowed_bits(entry, reg);
    }
    entries.push_back(entry);
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

kvm_cpuid_entry2 entry_or_zero(std::span<const kvm_cpuid_entry2> entries, std::uint32_t function,
                               std::uint32_t index) {
  const auto at = std::ranges::find_if(entries, [&](const kvm_cpuid_entry2& entry) {
    return entry.function == function && entry.index == index;
  });
  return at == entries.end() ? kvm_cpuid_entry2{} : *at;
}

std::string name_of(std::uint32_t function, std::uint32_t index, Register reg) {
  const auto name = std::ranges::find(kRegisters, reg, &decltype(kRegisters)::value_type::first);
  return fmt::format("CPUID leaf {:#x}{} {}", function,
                     index == 0 ? std::string() : fmt::format(".{}", index), name->second);
}

// A list in a message.
class List {
 public:
  // Leaves out an item that is the same as the last.
  void add(const std::string& item) {
    if (item != last_) {
      text_ += (text_.empty() ? "" : ", ") + item;
      last_ = item;
    }
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
  std::string last_;
};

// Returns the bytes of `wanted` that are greater than those of `offered`.
std::uint32_t beyond(std::uint32_t wanted, std::uint32_t offered) {
  std::uint32_t greater = 0;
  for (std::uint32_t byte = 0xff; byte != 0; byte <<= 8) {
    greater |= (wanted & byte) > (offered & byte) ? wanted & byte : 0;
  }
  return greater;
}

}  // namespace

std::string missing_features(std::span<const kvm_cpuid_entry2> wanted,
                             std::span<const kvm_cpuid_entry2> offered) {
  List missing;
  for (const Allowed& allowed : kAllowed) {
    const auto value = [&](std::span<const kvm_cpuid_entry2> entries) {
      return entry_or_zero(entries, allowed.function, allowed.index).*allowed.reg & allowed.mask;
    };
    const auto name = [&] { return name_of(allowed.function, allowed.index, allowed.reg); };
    switch (allowed.meaning) {
      case Meaning::information:
        break;
      case Meaning::features:
        if (const std::uint32_t lacking = value(wanted) & ~value(offered); lacking != 0) {
          missing.add(fmt::format("{} bits {:#x}", name(), lacking));
        }
        break;
      case Meaning::identity:
        if (value(wanted) != value(offered)) {
          missing.add(allowed.function == kKvmLeaf ? "the same hypervisor"
                                                   : "a processor of the same vendor");
        }
        break;
      case Meaning::limits:
        if (beyond(value(wanted), value(offered)) != 0) {
          missing.add(
              fmt::format("{} {:#x} (it has {:#x})", name(), value(wanted), value(offered)));
        }
        break;
    }
  }
  return missing.take();
}

std::string forbidden_features(std::span<const kvm_cpuid_entry2> entries) {
  List forbidden;
  for (const kvm_cpuid_entry2& entry : entries) {
    for (const auto& [reg, name] : kRegisters) {
      if (const std::uint32_t extra = entry.*reg & ~allowed_bits(entry, reg); extra != 0) {
        forbidden.add(
            fmt::format("{} bits {:#x}", name_of(entry.function, entry.index, reg), extra));
      }
    }
  }
  return forbidden.take();
}

std::string cpuid_defect(std::span<const kvm_cpuid_entry2> entries) {
  std::set<std::pair<std::uint32_t, std::uint32_t>> seen;
  for (const kvm_cpuid_entry2& entry : entries) {
    const bool indexed = is_in(kIndexedLeaves, entry.function);
    const bool marked = (entry.flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) != 0;
    if (indexed != marked && !hides_all(entry)) {
      return fmt::format("CPUID leaf {:#x} has {} index", entry.function, marked ? "an" : "no");
    }
    if (!seen.emplace(entry.function, entry.index).second) {
      return fmt::format("CPUID leaf {:#x}.{} is there twice", entry.function, entry.index);
    }
  }
  return {};
}

}  // namespace faasnap::kvm
