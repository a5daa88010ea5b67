// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <linux/kvm.h>

#include <span>
#include <string>
#include <vector>

namespace faasnap::kvm {

// Returns the CPUID of vCPU `id` of `vcpu_count`: one socket of `vcpu_count` cores with what KVM
// supports (`supported`, from System::supported_cpuid), as far as it is on the list of features
// that a snapshot can carry and move. What is not on the list, such as a feature of a later
// processor, is not offered.
// (Intel SDM volume 2A "CPUID"; AMD APM volume 3 appendix E; Documentation/virt/kvm/x86/cpuid.rst.)
std::vector<kvm_cpuid_entry2> make_cpuid(std::span<const kvm_cpuid_entry2> supported, unsigned id,
                                         unsigned vcpu_count, bool has_tsc_deadline);

// The three below take the table of a snapshot, which may come from anybody. Each returns an empty
// string if all is well, else words for an error message.

// Says what is wrong with the table itself: KVM looks for an entry as long as its flags say, and
// takes the first of several.
std::string cpuid_defect(std::span<const kvm_cpuid_entry2> entries);

// Returns the bits that are not on the list of make_cpuid, whatever this host's processor has.
std::string forbidden_features(std::span<const kvm_cpuid_entry2> entries);

// Returns the features that the processor of `wanted` has and that of `offered` lacks. Empty if a
// guest of the first can continue on the second.
std::string missing_features(std::span<const kvm_cpuid_entry2> wanted,
                             std::span<const kvm_cpuid_entry2> offered);

}  // namespace faasnap::kvm
