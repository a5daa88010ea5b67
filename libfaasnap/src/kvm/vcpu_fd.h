#pragma once

#include <linux/kvm.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/mapping.h"
#include "kvm/boot_registers.h"
#include "kvm/exit.h"
#include "kvm/system.h"
#include "kvm/vm_fd.h"
#include "memory/guest_address.h"

namespace faasnap::kvm {

// One virtual processor. Owns its descriptor and the area shared with KVM.
//
// For one thread, the one that runs it (KVM is slow when another one takes over), except for
// set_immediate_exit; pre_fault of a vCPU that never runs may go to any one thread.
class VcpuFd {
 public:
  // Creates vCPU `id` of `vcpu_count` in `vm`, with the CPUID of make_cpuid(): vCPU 0 is ready to
  // run, the others wait for the INIT and SIPI of the guest.
  VcpuFd(const System& system, const VmFd& vm, unsigned id, unsigned vcpu_count);

  int fd() const noexcept { return fd_.get(); }
  unsigned id() const noexcept { return id_; }

  // Enters the guest until something is to be done outside. The next run() completes the IN or MMIO
  // read that an exit before asked for.
  Exit run();
  // Commits a finished IN or MMIO to the registers, without running the guest: call it before
  // save(). Returns Interrupted when all is done; anything else is a further piece of the same
  // guest access, to be handled before the next call.
  Exit complete_pending_io();
  // While set, run() returns Interrupted before it enters the guest. From any thread and from a
  // signal handler.
  void set_immediate_exit(bool value) noexcept;

  // For the first vCPU, before its first run().
  void set_boot_state(const BootRegisters& boot);

  // Everything KVM knows of this vCPU. It must not be running, and its I/O must be complete.
  std::vector<std::byte> save();
  // Undoes save(). All input is read and compared with this host before anything changes:
  // ErrorKind::corrupt for bytes that save() cannot have written, version for a processor feature,
  // register or clock rate that this host does not have, naming it. KVM reads and writes the
  // guest's paravirtual clock page during this call: guest memory must be in place, and whatever
  // serves its faults running.
  void restore(base::ByteReader& in);

  // Tells the guest that it was stopped, so that its watchdogs do not complain
  // (KVM_KVMCLOCK_CTRL). Without effect on a guest that has no paravirtual clock.
  void notify_guest_paused() noexcept;

  // Enters the pages of [address, address + size) into the page tables that the VM's vCPUs share,
  // as a read would. Returns the bytes done from the start: fewer when a signal came. Throws
  // ErrorKind::unsupported unless supports_pre_fault().
  std::uint64_t pre_fault(memory::GuestAddress address, std::uint64_t size);

 private:
  void set_cpuid(std::span<const kvm_cpuid_entry2> entries);
  Exit decode_exit();
  IoExit io_exit() const;
  MemoryFault memory_fault() const noexcept;

  base::UniqueFd fd_;
  base::Mapping shared_;  // struct kvm_run and what follows it
  kvm_run* run_ = nullptr;
  unsigned id_ = 0;
  std::vector<kvm_cpuid_entry2> cpuid_;  // as set, without the bits that KVM keeps current
  std::vector<std::uint32_t> msrs_;      // to be saved
  bool scales_tsc_ = false;
  bool has_xcrs_ = false;  // false on a processor without XSAVE
};

// Whether the host has KVM_PRE_FAULT_MEMORY (Linux 6.11).
bool supports_pre_fault(const System& system) noexcept;

// Lets `signal`, which the thread that runs `vcpu` blocks, through while the guest runs: it ends
// run() with Interrupted and stays pending, and no handler is needed (KVM_SET_SIGNAL_MASK).
void let_signal_interrupt_run(const VcpuFd& vcpu, int signal);

}  // namespace faasnap::kvm
