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
