// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <linux/kvm.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/files/fd.h"
#include "base/files/mapping.h"
#include "kvm/exit.h"
#include "kvm/system.h"
#include "kvm/vm_fd.h"
#include "memory/boot_registers.h"
#include "memory/guest_address.h"

namespace faasnap::kvm {

// One virtual processor. Owns its descriptor and the area that it shares with KVM.
//
// A vCPU belongs to the thread that runs it (KVM is slow if another one takes over), with two
// exceptions: any thread may call set_immediate_exit, and if the vCPU never runs, any one thread
// may call pre_fault.
class VcpuFd {
 public:
  // Creates vCPU `id` of `vcpu_count` in `vm` with the CPUID of make_cpuid(). vCPU 0 is ready to
  // run; the others wait for the guest's INIT and SIPI.
  VcpuFd(const System& system, const VmFd& vm, unsigned id, unsigned vcpu_count);

  int fd() const noexcept { return fd_.get(); }
  unsigned id() const noexcept { return id_; }

  // Runs the guest until it exits. If the last exit was an IN or an MMIO read, this call completes
  // it.
  Exit run();
  // Commits a finished IN or MMIO access to the registers without running the guest; must be called
  // before save(). Returns Interrupted when the access is complete. Any other exit is a further
  // part of the same access and must be handled before the next call.
  Exit complete_pending_io();
  // While true, run() returns Interrupted before it enters the guest. May be called from any thread
  // and from a signal handler.
  void set_immediate_exit(bool value) noexcept;

  // May be called for the first vCPU only, before its first run().
  void set_boot_state(const memory::BootRegisters& boot);

  // Returns all that KVM knows of this vCPU, which must not be running and must have no pending
  // I/O.
  std::vector<std::byte> save();
  // Restores what save() returned. Reads all of its input and compares it with this host before it
  // changes anything. Throws ErrorKind::corrupt for bytes that save() cannot have written, and
  // ErrorKind::version, with its name, for a processor feature, register or clock rate that this
  // host lacks. KVM accesses the guest's paravirtual clock page during this call: guest memory must
  // be in place, and whatever serves its faults must be running.
  void restore(base::ByteReader& in);

  // Tells the guest that it was stopped, so that its watchdogs do not complain (KVM_KVMCLOCK_CTRL).
  // Has no effect on a guest without a paravirtual clock.
  void notify_guest_paused() noexcept;

  // Enters the pages of [address, address + size) into the page tables that the VM's vCPUs share,
  // as a read would. Returns how many bytes from the start are done: fewer than `size` if a signal
  // came. Throws ErrorKind::unsupported unless supports_pre_fault().
  std::uint64_t pre_fault(memory::GuestAddress address, std::uint64_t size);

 private:
  void set_cpuid(std::span<const kvm_cpuid_entry2> entries);
  Exit decode_exit();
  IoExit io_exit() const;
  MemoryFault memory_fault(int error_number) const;

  base::UniqueFd fd_;
  base::Mapping shared_;  // struct kvm_run and the data after it
  kvm_run* run_ = nullptr;
  unsigned id_ = 0;
  std::vector<kvm_cpuid_entry2> cpuid_;  // as set, without the bits that KVM updates
  std::vector<std::uint32_t> msrs_;      // the registers that save() reads
  bool scales_tsc_ = false;
  bool has_xcrs_ = false;  // false on a processor without XSAVE
};

// True if the host has KVM_PRE_FAULT_MEMORY (Linux 6.11).
bool supports_pre_fault(const System& system) noexcept;

// Lets `signal`, which the thread that runs `vcpu` must block, interrupt the guest: run() returns
// Interrupted and the signal stays pending. No handler is needed (KVM_SET_SIGNAL_MASK). So do the
// signals by which the C library makes all threads change their user or end, and SIGBUS, by which
// KVM tells of a page with a memory error: run() then returns MemoryFault.
void let_signal_interrupt_run(const VcpuFd& vcpu, int signal);

}  // namespace faasnap::kvm
