// SPDX-License-Identifier: Apache-2.0

#include "kvm/cpuid.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

namespace faasnap::kvm {
namespace {

kvm_cpuid_entry2 entry(std::uint32_t function, std::uint32_t index, std::uint32_t eax,
                       std::uint32_t ebx, std::uint32_t ecx, std::uint32_t edx) {
  kvm_cpuid_entry2 made{};
  made.function = function;
  made.index = index;
  made.eax = eax;
  made.ebx = ebx;
  made.ecx = ecx;
  made.edx = edx;
  return made;
}

// A processor that has everything.
std::vector<kvm_cpuid_entry2> all_features() {
  return {
      entry(0x0, 0, 0x1f, 0x756e6547, 0x6c65746e, 0x49656e69),
      entry(0x1, 0, 0, 0x12345678, ~0u, ~0u),
      entry(0x4, 0, 0xfc00c121, 0, 0, 0),  // first level
      entry(0x4, 3, 0xfc00c163, 0, 0, 0),  // third level
      entry(0xb, 0, 1, 2, 0x100, 99),
      entry(0xd, 0, 0x60007, 0, 11008, 0),
      entry(0xd, 2, 256, 576, 0, 0),
      entry(0xd, 18, 8192, 2816, 0, 0),
      entry(0x40000001, 0, ~0u, 0, 0, 0),
      entry(0x80000001, 0, 0, 0, ~0u, ~0u),
      entry(0x80000007, 0, 0, 0, 0, ~0u),
      entry(0x8000000a, 0, 1, 1, 1, 1),
  };
}

const kvm_cpuid_entry2* find(const std::vector<kvm_cpuid_entry2>& entries, std::uint32_t function,
                             std::uint32_t index = 0) {
  const auto at = std::ranges::find_if(entries, [&](const kvm_cpuid_entry2& candidate) {
    return candidate.function == function && candidate.index == index;
  });
  return at == entries.end() ? nullptr : &*at;
}

TEST_CASE("each vCPU has its own APIC id in every place that tells it") {
  const auto entries = make_cpuid(all_features(), 3, 4, true);
  CHECK(find(entries, 0x1)->ebx >> 24 == 3);
  CHECK((find(entries, 0x1)->ebx >> 16 & 0xff) == 4);
  CHECK(find(entries, 0xb, 0)->edx == 3);
  CHECK(find(entries, 0xb, 1)->edx == 3);
}

TEST_CASE("the vCPUs are cores of one socket, one thread each") {
  const auto entries = make_cpuid(all_features(), 0, 3, true);
  CHECK(find(entries, 0xb, 0)->eax == 0);
  CHECK(find(entries, 0xb, 0)->ebx == 1);
  CHECK(find(entries, 0xb, 1)->eax == 2);  // bits for three cores
  CHECK(find(entries, 0xb, 1)->ebx == 3);
  CHECK(find(entries, 0x4, 0)->eax >> 26 == 3);
  CHECK((find(entries, 0x4, 0)->eax >> 14 & 0xfff) == 0);
  CHECK((find(entries, 0x4, 3)->eax >> 14 & 0xfff) == 3);
}

TEST_CASE("a guest does not see what a snapshot cannot carry") {
  const auto entries = make_cpuid(all_features(), 0, 2, true);
  CHECK((find(entries, 0x1)->ecx & (1u << 5)) == 0);          // VMX
  CHECK((find(entries, 0x1)->ecx & (1u << 3)) == 0);          // MONITOR
  CHECK((find(entries, 0x80000001)->ecx & (1u << 2)) == 0);   // SVM
  CHECK((find(entries, 0x80000007)->edx & (1u << 8)) == 0);   // invariant TSC
  CHECK((find(entries, 0x40000001)->eax & (1u << 4)) == 0);   // asynchronous page faults
  CHECK((find(entries, 0x40000001)->eax & (1u << 14)) == 0);  // their interrupt
  CHECK((find(entries, 0x40000001)->eax & (1u << 3)) != 0);   // kvm-clock stays
  CHECK(find(entries, 0x8000000a) == nullptr);
}

TEST_CASE("a guest sees nothing of a feature that is not known to be saved") {
  auto later = all_features();
  later.push_back(entry(0x7, 0, 2, ~0u, ~0u, ~0u));
  later.push_back(entry(0x7, 1, ~0u, ~0u, ~0u, ~0u));
  later.push_back(entry(0xd, 1, ~0u, 0, ~0u, ~0u));
  later.push_back(entry(0xd, 11, 16, 0, 1, 0));
  for (const std::uint32_t leaf : {0xau, 0x14u, 0x19u, 0x23u, 0x29u, 0x40000002u, 0x80000022u}) {
    later.push_back(entry(leaf, 0, ~0u, ~0u, ~0u, ~0u));
  }
  const auto entries = make_cpuid(later, 0, 1, true);
  CHECK((find(entries, 0x7)->ecx & (1u << 7)) == 0);      // shadow stacks
  CHECK((find(entries, 0x7)->edx & (1u << 20)) == 0);     // indirect branch tracking
  CHECK((find(entries, 0x7)->edx & (1u << 24)) == 0);     // AMX-TILE
  CHECK((find(entries, 0x7, 1)->eax & (1u << 17)) == 0);  // FRED
  CHECK((find(entries, 0x7, 1)->edx & (1u << 21)) == 0);  // APX
  CHECK((find(entries, 0x7)->ebx & (1u << 16)) != 0);     // AVX-512 stays
  CHECK(find(entries, 0xd, 1)->ecx == 0);                 // states of IA32_XSS
  CHECK(find(entries, 0xd, 11) == nullptr);               // that of shadow stacks
  for (const std::uint32_t leaf : {0xau, 0x14u, 0x19u, 0x23u, 0x29u, 0x40000002u, 0x80000022u}) {
    CHECK(find(entries, leaf) == nullptr);
  }
  CHECK(forbidden_features(entries).empty());
}

TEST_CASE("what a snapshot's table has beyond the list is named") {
  auto entries = make_cpuid(all_features(), 0, 1, true);
  entries.push_back(entry(0xa, 0, 0x8300802, 0, 0, 0x603));
  std::ranges::find(entries, 0x1u, &kvm_cpuid_entry2::function)->ecx |= 1u << 5;
  CHECK(forbidden_features(entries) ==
        "CPUID leaf 0x1 ECX bits 0x20, CPUID leaf 0xa EAX bits 0x8300802, CPUID leaf 0xa EDX bits "
        "0x603");
}

TEST_CASE("a table whose entries KVM would mix up is damaged") {
  auto indexed = entry(0x7, 0, 0, 1, 0, 0);
  indexed.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
  const auto plain = entry(0x1, 0, 0, 0, 0, 0);
  CHECK(cpuid_defect(std::vector{indexed, plain}).empty());
  CHECK(cpuid_defect(std::vector{plain, plain}) == "CPUID leaf 0x1.0 is there twice");
  auto unmarked = entry(0xd, 2, 0, 0, 0, 0);  // KVM would take it for any index of the leaf
  CHECK(cpuid_defect(std::vector{unmarked}) == "CPUID leaf 0xd has no index");
  auto marked = plain;
  marked.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
  CHECK(cpuid_defect(std::vector{marked}) == "CPUID leaf 0x1 has an index");
}

TEST_CASE("every register of features counts, and so do the widths of addresses") {
  std::vector<kvm_cpuid_entry2> wanted = {
      entry(0x7, 1, 0, 0, 1u << 5, 1u << 4), entry(0x7, 2, 0, 0, 0, 1u << 4),
      entry(0x24, 0, 0, 2 | 1u << 18, 0, 0), entry(0x80000008, 0, 0x303a34, 0, 0, 0),
      entry(0x80000021, 0, 1u << 8, 0, 1u << 1, 0)};
  CHECK(missing_features(wanted, wanted).empty());
  CHECK(missing_features(wanted, {}) ==
        "CPUID leaf 0x7.1 ECX bits 0x20, CPUID leaf 0x7.1 EDX bits 0x10, CPUID leaf 0x7.2 EDX bits "
        "0x10, CPUID leaf 0x24 EBX 0x2 (it has 0x0), CPUID leaf 0x24 EBX bits 0x40000, CPUID leaf "
        "0x80000008 EAX 0x303a34 (it has 0x0), CPUID leaf 0x80000021 EAX bits 0x100, CPUID leaf "
        "0x80000021 ECX bits 0x2");
  auto wider = wanted;
  wider[2].ebx = 3 | 1u << 18;
  wider[3].eax = 0x30392e;  // one byte is less
  CHECK(missing_features(wanted, wider) == "CPUID leaf 0x80000008 EAX 0x303a34 (it has 0x30392e)");
  wider[3].eax = 0x343b34;
  CHECK(missing_features(wanted, wider).empty());
}

TEST_CASE("a guest sees a hypervisor, x2APIC, and the TSC deadline where KVM has it") {
  auto plain = all_features();
  plain[1].ecx = 0;
  CHECK(find(make_cpuid(plain, 0, 1, true), 0x1)->ecx == (1u << 31 | 1u << 24 | 1u << 21));
  CHECK(find(make_cpuid(plain, 0, 1, false), 0x1)->ecx == (1u << 31 | 1u << 21));
}

TEST_CASE("the state area shrinks to what is left without AMX") {
  const auto entries = make_cpuid(all_features(), 0, 1, true);
  CHECK(find(entries, 0xd, 0)->eax == 0x7);
  CHECK(find(entries, 0xd, 0)->ecx == 576 + 256);
  CHECK(find(entries, 0xd, 18) == nullptr);
}

TEST_CASE("a processor without a topology leaf gets none") {
  auto old = all_features();
  old[0].eax = 0x7;
  CHECK(find(make_cpuid(old, 0, 2, true), 0xb) == nullptr);
}

TEST_CASE("what the second processor lacks is named by leaf, register and bit") {
  const auto wanted = make_cpuid(all_features(), 0, 1, true);
  CHECK(missing_features(wanted, wanted).empty());
  auto offered = wanted;
  std::ranges::find(offered, 0x80000001, &kvm_cpuid_entry2::function)->edx &= ~(1u << 27);
  CHECK(missing_features(wanted, offered) == "CPUID leaf 0x80000001 EDX bits 0x8000000");
  CHECK(missing_features(offered, wanted).empty());
  offered.front().edx ^= 1;
  CHECK(missing_features(wanted, offered).starts_with("a processor of the same vendor, "));
}

}  // namespace
}  // namespace faasnap::kvm
