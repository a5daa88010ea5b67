// SPDX-License-Identifier: Apache-2.0

#include "kvm/vcpu_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "kvm/abi.h"
#include "kvm/cpuid.h"
#include "kvm/ioctl.h"
#include "kvm/vcpu_fd.h"
#include "kvm/vcpu_msrs.h"

namespace faasnap::kvm {
namespace {

constexpr std::uint32_t kCpuidLimit = 256;  // KVM_MAX_CPUID_ENTRIES
constexpr std::uint32_t kMsrLimit = 4096;

// Largest accepted distance of this host's TSC rate from the saved one, in parts per million, if
// KVM cannot scale the TSC. The guest keeps time by kvm-clock, which KVM computes from the host's
// rate; only its one-shot timers are off by as much, and the guest looks at the clock when one
// fires. Ample for two calibrations of one processor, too little for two different processors.
constexpr std::uint64_t kTscTolerance = 20'000;
// Within this distance KVM itself does not scale.
constexpr std::uint64_t kTscSame = 250;

std::uint64_t parts_per_million(std::uint32_t value, std::uint32_t reference) {
  const std::int64_t distance = std::int64_t{value} - std::int64_t{reference};
  return static_cast<std::uint64_t>(std::abs(distance)) * 1'000'000 / reference;
}

std::uint32_t read_tsc_khz(int fd) {
  return static_cast<std::uint32_t>(
      checked_ioctl(fd, KVM_GET_TSC_KHZ, std::uintptr_t{0}, "KVM_GET_TSC_KHZ"));
}

[[noreturn]] void fail_version(const std::string& reason) {
  base::fail(ErrorKind::version, "restore a vCPU", kDevice, reason);
}

void check_processor(const VcpuState& state, std::span<const kvm_cpuid_entry2> offered) {
  const std::string forbidden = forbidden_features(state.cpuid);
  if (!forbidden.empty()) {
    fail_version("no snapshot can carry " + forbidden);
  }
  const std::string missing = missing_features(state.cpuid, offered);
  if (!missing.empty()) {
    fail_version("this host lacks " + missing);
  }
}

void check_msrs(const VcpuState& state, std::span<const std::uint32_t> known) {
  for (const kvm_msr_entry& msr : state.msrs) {
    if (msr.data != 0 && std::ranges::find(known, msr.index) == known.end()) {
      fail_version(fmt::format("this host lacks model-specific register {:#x}", msr.index));
    }
  }
}

void check_xcrs(const VcpuState& state, bool has_xcrs) {
  if (state.xcrs.nr_xcrs != 0 && !has_xcrs) {
    fail_version("this host lacks extended control registers (KVM_CAP_XCRS)");
  }
}

void check_tsc(const VcpuState& state, std::uint32_t host_khz, bool scales) {
  if (!scales && parts_per_million(state.tsc_khz, host_khz) > kTscTolerance) {
    fail_version(fmt::format("this host's TSC runs at {} kHz and cannot be scaled, expected {} kHz",
                             host_khz, state.tsc_khz));
  }
}

// A deadline of zero is a timer that is not armed, or one that has expired and whose interrupt KVM
// had not delivered when the vCPU was saved. The guest would wait for that one for ever, so it gets
// a deadline that has just passed: a guest that has armed no timer finds nothing to do.
void arm_expired_timer(std::vector<kvm_msr_entry>& msrs) {
  const auto tsc = std::ranges::find(msrs, kMsrTsc, &kvm_msr_entry::index);
  const auto deadline = std::ranges::find(msrs, kMsrTscDeadline, &kvm_msr_entry::index);
  if (tsc != msrs.end() && deadline != msrs.end() && deadline->data == 0) {
    deadline->data = tsc->data;
  }
}

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
  if (const std::string defect = cpuid_defect(state.cpuid); !defect.empty()) {
    in.reject(defect);
  }
  state.tsc_khz = in.get<std::uint32_t>();
  if (state.tsc_khz == 0) {
    in.reject("the TSC rate is zero");
  }
  state.mp_state = in.get_abi<kvm_mp_state>();
  state.regs = in.get_abi<kvm_regs>();
  state.sregs = in.get_abi<kvm_sregs>();
  state.xcrs = in.get_abi<kvm_xcrs>();
  if (state.xcrs.nr_xcrs > KVM_MAX_XCRS) {
    in.reject("too many extended control registers");
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

std::vector<std::byte> VcpuFd::save() {
  const int fd = fd_.get();
  VcpuState state;
  state.cpuid = cpuid_;
  state.tsc_khz = read_tsc_khz(fd);
  // Read first because it carries out INIT and SIPI events, which change other registers.
  checked_ioctl(fd, KVM_GET_MP_STATE, &state.mp_state, "KVM_GET_MP_STATE");
  checked_ioctl(fd, KVM_GET_REGS, &state.regs, "KVM_GET_REGS");
  checked_ioctl(fd, KVM_GET_SREGS, &state.sregs, "KVM_GET_SREGS");
  if (has_xcrs_) {
    checked_ioctl(fd, KVM_GET_XCRS, &state.xcrs, "KVM_GET_XCRS");
  }
  checked_ioctl(fd, kGetXsave, &state.xsave, "KVM_GET_XSAVE");
  checked_ioctl(fd, KVM_GET_DEBUGREGS, &state.debugregs, "KVM_GET_DEBUGREGS");
  // With the TSC deadline, so before the LAPIC: a timer that expires in between is then saved as
  // armed and as an interrupt, and not as neither.
  state.msrs = read_msrs(fd, msrs_);
  checked_ioctl(fd, KVM_GET_LAPIC, &state.lapic, "KVM_GET_LAPIC");
  checked_ioctl(fd, KVM_GET_VCPU_EVENTS, &state.events, "KVM_GET_VCPU_EVENTS");
  return encode(state);
}

void VcpuFd::restore(base::ByteReader& in) {
  const int fd = fd_.get();
  VcpuState state = decode_vcpu_state(in);
  const std::uint32_t host_khz = read_tsc_khz(fd);
  check_processor(state, cpuid_);
  check_msrs(state, msrs_);
  check_xcrs(state, has_xcrs_);
  check_tsc(state, host_khz, scales_tsc_);

  // What later steps are checked against is set first: the features, then the modes and with them
  // the LAPIC's base, then the LAPIC, whose timer mode decides whether a deadline counts.
  cpuid_ = state.cpuid;
  set_cpuid(cpuid_);
  if (scales_tsc_ && parts_per_million(state.tsc_khz, host_khz) > kTscSame) {
    checked_ioctl(fd, KVM_SET_TSC_KHZ, std::uintptr_t{state.tsc_khz}, "KVM_SET_TSC_KHZ");
  }
  checked_ioctl(fd, KVM_SET_SREGS, &state.sregs, "KVM_SET_SREGS");
  if (state.xcrs.nr_xcrs != 0) {
    checked_ioctl(fd, KVM_SET_XCRS, &state.xcrs, "KVM_SET_XCRS");
  }
  checked_ioctl(fd, kSetXsave, &state.xsave, "KVM_SET_XSAVE");
  checked_ioctl(fd, KVM_SET_REGS, &state.regs, "KVM_SET_REGS");
  checked_ioctl(fd, KVM_SET_DEBUGREGS, &state.debugregs, "KVM_SET_DEBUGREGS");
  checked_ioctl(fd, KVM_SET_LAPIC, &state.lapic, "KVM_SET_LAPIC");
  arm_expired_timer(state.msrs);
  write_msrs(fd, state.msrs);
  checked_ioctl(fd, KVM_SET_VCPU_EVENTS, &state.events, "KVM_SET_VCPU_EVENTS");
  checked_ioctl(fd, KVM_SET_MP_STATE, &state.mp_state, "KVM_SET_MP_STATE");
}

}  // namespace faasnap::kvm
