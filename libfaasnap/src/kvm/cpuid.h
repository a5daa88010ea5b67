// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <linux/kvm.h>

#include <span>
#include <string>
#include <vector>

namespace faasnap::kvm {

// Returns the CPUID of vCPU `id` of `vcpu_count`: one socket of `vcpu_count` cores with what KVM
// supports (`supported`, from System::supported_cpuid), except for
// - what a snapshot cannot carry or move: nested virtualization, performance counters, processor
//   trace, SGX, AMX, asynchronous page faults;
// - the invariant TSC, so that Linux keeps time by kvm-clock, which restore can set right;
// - MONITOR and MWAIT, which KVM does not run.
// (Intel SDM volume 2A "CPUID"; AMD APM volume 3 appendix E; Documentation/virt/kvm/x86/cpuid.rst.)
std::vector<kvm_cpuid_entry2> make_cpuid(std::span<const kvm_cpuid_entry2> supported, unsigned id,
                                         unsigned vcpu_count, bool has_tsc_deadline);

// Returns the features, for an error message, that the processor of `wanted` has and that of
// `offered` lacks; both are from make_cpuid. Empty if a guest of the first can continue on the
// second.
std::string missing_features(std::span<const kvm_cpuid_entry2> wanted,
                             std::span<const kvm_cpuid_entry2> offered);

}  // namespace faasnap::kvm
