#include "kvm/vcpu_state.h"

namespace faasnap::kvm {
namespace {

constexpr std::uint32_t kCpuidLimit = 256;  // KVM_MAX_CPUID_ENTRIES
constexpr std::uint32_t kMsrLimit = 4096;

}  // namespace

std::vector<std::byte> encode(const VcpuState& state) {
  base::ByteWriter out;
  out.put(static_cast<std::uint32_t>(state.cpuid.size()));
  for (const kvm_cpuid_entry2& entry : state.cpuid) {
    out.put_abi(entry);
  }
  out.put(state.tsc_khz);
  out.put_abi(state.mp_state);
  out.put_abi(state.regs);
  out.put_abi(state.sregs);
  out.put_abi(state.xcrs);
  out.put_abi(state.xsave);
  out.put_abi(state.debugregs);
  out.put_abi(state.lapic);
  out.put_abi(state.events);
  out.put(static_cast<std::uint32_t>(state.msrs.size()));
  for (const kvm_msr_entry& msr : state.msrs) {
    out.put(msr.index);
    out.put(static_cast<std::uint64_t>(msr.data));
  }
  return out.take();
}

VcpuState decode_vcpu_state(base::ByteReader& in) {
  VcpuState state;
  state.cpuid.resize(in.get_count(kCpuidLimit, "CPUID entries"));
  for (kvm_cpuid_entry2& entry : state.cpuid) {
    entry = in.get_abi<kvm_cpuid_entry2>();
  }
  state.tsc_khz = in.get<std::uint32_t>();
  if (state.tsc_khz == 0) {
    in.reject("a TSC rate of zero");
  }
  state.mp_state = in.get_abi<kvm_mp_state>();
  state.regs = in.get_abi<kvm_regs>();
  state.sregs = in.get_abi<kvm_sregs>();
  state.xcrs = in.get_abi<kvm_xcrs>();
  if (state.xcrs.nr_xcrs > KVM_MAX_XCRS) {
    in.reject("more extended control registers than there are");
  }
  state.xsave = in.get_abi<XsaveArea>();
  state.debugregs = in.get_abi<kvm_debugregs>();
  state.lapic = in.get_abi<kvm_lapic_state>();
  state.events = in.get_abi<kvm_vcpu_events>();
  state.msrs.resize(in.get_count(kMsrLimit, "model-specific registers"));
  for (kvm_msr_entry& msr : state.msrs) {
    msr.index = in.get<std::uint32_t>();
    msr.data = in.get<std::uint64_t>();
  }
  in.finish();
  return state;
}

}  // namespace faasnap::kvm
