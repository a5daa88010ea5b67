// SPDX-License-Identifier: Apache-2.0

#include "kvm/vcpu_fd.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <ctime>

#include "base/error.h"
#include "kvm/abi.h"
#include "kvm/cpuid.h"
#include "kvm/ioctl.h"
#include "kvm/vcpu_msrs.h"

namespace faasnap::kvm {
namespace {

constexpr std::uint64_t kFastStrings = 1;               // IA32_MISC_ENABLE bit 0
constexpr std::uint64_t kMtrrsOnWriteBack = 0x800 | 6;  // IA32_MTRR_DEF_TYPE

int create_vcpu(const VmFd& vm, unsigned id) {
  return checked_ioctl(vm.fd(), KVM_CREATE_VCPU, std::uintptr_t{id}, "KVM_CREATE_VCPU");
}

// Sets what firmware sets on every processor. Without the first, Linux does not use the fast string
// instructions; without the second, it treats all memory as uncached.
void set_firmware_msrs(int vcpu_fd) {
  const std::array<std::uint32_t, 1> misc_enable = {kMsrMiscEnable};
  std::vector<kvm_msr_entry> msrs = read_msrs(vcpu_fd, misc_enable);
  for (kvm_msr_entry& msr : msrs) {
    msr.data |= kFastStrings;
  }
  kvm_msr_entry mtrrs{};
  mtrrs.index = kMsrMtrrDefaultType;
  mtrrs.data = kMtrrsOnWriteBack;
  msrs.push_back(mtrrs);
  write_msrs(vcpu_fd, msrs);
}

kvm_segment to_kvm_segment(const memory::BootSegment& boot) {
  const std::uint64_t descriptor = boot.descriptor;
  const auto field = [&](unsigned shift, std::uint64_t mask) {
    return static_cast<std::uint8_t>((descriptor >> shift) & mask);
  };
  kvm_segment segment{};
  segment.selector = boot.selector;
  segment.base = ((descriptor >> 16) & 0xffffff) | ((descriptor >> 32) & 0xff000000);
  segment.limit =
      static_cast<std::uint32_t>((descriptor & 0xffff) | ((descriptor >> 32) & 0xf0000));
  segment.type = field(40, 0xf);
  segment.s = field(44, 1);
  segment.dpl = field(45, 3);
  segment.present = field(47, 1);
  segment.avl = field(52, 1);
  segment.l = field(53, 1);
  segment.db = field(54, 1);
  segment.g = field(55, 1);
  if (segment.g != 0) {
    segment.limit = (segment.limit << 12) | 0xfff;
  }
  return segment;
}

// KVM sends SIGBUS to the thread that wants a page with a memory error, and would try again for
// ever (Documentation/mm/hwpoison.rst). The thread blocks the signal, so it stays pending.
bool take_memory_error() noexcept {
  sigset_t only;
  ::sigemptyset(&only);
  ::sigaddset(&only, SIGBUS);
  constexpr timespec kNow{};
  return ::sigtimedwait(&only, nullptr, &kNow) > 0;
}

std::string suberror_name(std::uint32_t suberror) {
  switch (suberror) {
    case KVM_INTERNAL_ERROR_EMULATION:
      return "an instruction that KVM cannot emulate";
    case KVM_INTERNAL_ERROR_SIMUL_EX:
      return "an exception while another was delivered";
    case KVM_INTERNAL_ERROR_DELIVERY_EV:
      return "an exit while an event was delivered";
    case KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON:
      return "an exit that KVM does not know";
    default:
      return fmt::format("suberror {}", suberror);
  }
}

std::string describe_internal(const kvm_run& run) {
  std::string reason = "KVM internal error: " + suberror_name(run.internal.suberror);
  const std::uint32_t count = std::min<std::uint32_t>(run.internal.ndata, 16);
  for (std::uint32_t i = 0; i < count; ++i) {
    reason += fmt::format("{}{:#x}", i == 0 ? "; data " : " ",
                          static_cast<std::uint64_t>(run.internal.data[i]));
  }
  return reason;
}

}  // namespace

VcpuFd::VcpuFd(const System& system, const VmFd& vm, unsigned id, unsigned vcpu_count)
    : fd_(create_vcpu(vm, id)),
      shared_(base::Mapping::file(fd_, 0,
                                  Bytes{static_cast<std::uint64_t>(system.vcpu_mmap_size())},
                                  PROT_READ | PROT_WRITE, MAP_SHARED)),
      run_(reinterpret_cast<kvm_run*>(shared_.data())),
      id_(id),
      cpuid_(make_cpuid(system.supported_cpuid(), id, vcpu_count,
                        system.extension(KVM_CAP_TSC_DEADLINE_TIMER) != 0)),
      msrs_(msrs_to_save(system)),
      scales_tsc_(system.extension(KVM_CAP_TSC_CONTROL) != 0),
      has_xcrs_(system.extension(KVM_CAP_XCRS) != 0) {
  set_cpuid(cpuid_);
  set_firmware_msrs(fd_.get());
}

void VcpuFd::set_cpuid(std::span<const kvm_cpuid_entry2> entries) {
  const ListHeader header{.count = static_cast<std::uint32_t>(entries.size())};
  std::vector<std::byte> buffer(sizeof(header) + entries.size_bytes());
  std::memcpy(buffer.data(), &header, sizeof(header));
  std::memcpy(buffer.data() + sizeof(header), entries.data(), entries.size_bytes());
  checked_ioctl(fd_.get(), kSetCpuid2, buffer.data(), "KVM_SET_CPUID2");
}

Exit VcpuFd::run() {
  if (::ioctl(fd_.get(), KVM_RUN, 0) == 0) {
    return decode_exit();
  }
  const int error_number = errno;
  if (error_number == EINTR && take_memory_error()) {
    return MemoryFault{.address = {}, .reason = "a page has a memory error"};
  }
  if (error_number == EINTR || error_number == EAGAIN) {
    return Interrupted{};
  }
  if (error_number == EFAULT || error_number == EHWPOISON) {
    return memory_fault(error_number);
  }
  return InternalError{std::string("KVM_RUN: ") + std::strerror(error_number)};
}

Exit VcpuFd::complete_pending_io() {
  set_immediate_exit(true);
  Exit exit = run();
  set_immediate_exit(false);
  return exit;
}

void VcpuFd::set_immediate_exit(bool value) noexcept {
  std::atomic_ref(run_->immediate_exit).store(value ? 1 : 0, std::memory_order_relaxed);
}

void VcpuFd::set_boot_state(const memory::BootRegisters& boot) {
  kvm_sregs sregs{};
  checked_ioctl(fd_.get(), KVM_GET_SREGS, &sregs, "KVM_GET_SREGS");
  sregs.cs = to_kvm_segment(boot.code);
  sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = to_kvm_segment(boot.data);
  sregs.tr = to_kvm_segment(boot.task);
  sregs.gdt.base = boot.gdt_base;
  sregs.gdt.limit = boot.gdt_limit;
  sregs.idt = {};
  sregs.cr0 = boot.cr0;
  sregs.cr3 = boot.cr3;
  sregs.cr4 = boot.cr4;
  sregs.efer = boot.efer;
  checked_ioctl(fd_.get(), KVM_SET_SREGS, &sregs, "KVM_SET_SREGS");

  kvm_regs regs{};
  regs.rip = boot.rip;
  regs.rsp = boot.rsp;
  regs.rsi = boot.rsi;
  regs.rflags = 2;  // the bit that is always set
  checked_ioctl(fd_.get(), KVM_SET_REGS, &regs, "KVM_SET_REGS");
}

void VcpuFd::notify_guest_paused() noexcept { ::ioctl(fd_.get(), KVM_KVMCLOCK_CTRL, 0); }

std::uint64_t VcpuFd::pre_fault(memory::GuestAddress address, std::uint64_t size) {
  PreFaultMemory range;
  range.address = address.value;
  range.size = size;
  if (::ioctl(fd_.get(), kPreFaultMemory, &range) < 0 && errno != EINTR && errno != EAGAIN) {
    base::fail_errno("KVM_PRE_FAULT_MEMORY", kDevice, errno == ENOTTY ? EOPNOTSUPP : errno);
  }
  return size - range.size;
}

bool supports_pre_fault(const System& system) noexcept {
  return system.extension(kCapPreFaultMemory) != 0;
}

IoExit VcpuFd::io_exit() const {
  const auto& io = run_->io;
  IoExit exit;
  exit.out = io.direction == KVM_EXIT_IO_OUT;
  exit.port = io.port;
  exit.size = io.size;
  exit.count = io.count;
  exit.data = shared_.data() + io.data_offset;
  return exit;
}

// Older kernels never set this exit reason, so the reason of an earlier exit must not be mistaken
// for it.
MemoryFault VcpuFd::memory_fault(int error_number) const {
  MemoryFault fault{.address = {},
                    .reason = std::string("KVM_RUN: ") + std::strerror(error_number)};
  if (run_->exit_reason != kExitMemoryFault) {
    return fault;
  }
  MemoryFaultData data;
  static_assert(sizeof(data) <= sizeof(run_->padding));
  std::memcpy(&data, run_->padding, sizeof(data));
  fault.address = memory::GuestAddress{data.address};
  return fault;
}

Exit VcpuFd::decode_exit() {
  switch (run_->exit_reason) {
    case KVM_EXIT_IO:
      return io_exit();
    case KVM_EXIT_MMIO: {
      auto& mmio = run_->mmio;
      return MmioExit{.write = mmio.is_write != 0,
                      .address = memory::GuestAddress{mmio.phys_addr},
                      .length = static_cast<std::uint8_t>(mmio.len),
                      .data = reinterpret_cast<std::byte*>(mmio.data)};
    }
    case KVM_EXIT_INTR:
    case KVM_EXIT_IRQ_WINDOW_OPEN:
      return Interrupted{};
    case KVM_EXIT_HLT:
      return Halted{};
    case KVM_EXIT_SHUTDOWN:
      return Shutdown{};
    case KVM_EXIT_SYSTEM_EVENT:
      return SystemEvent{run_->system_event.type};
    case KVM_EXIT_FAIL_ENTRY:
      return InternalError{
          fmt::format("the processor refused to enter the guest, hardware reason {:#x}",
                      static_cast<std::uint64_t>(run_->fail_entry.hardware_entry_failure_reason))};
    case KVM_EXIT_INTERNAL_ERROR:
      return InternalError{describe_internal(*run_)};
    default:
      return InternalError{fmt::format("unexpected KVM exit reason {}",
                                       static_cast<std::uint32_t>(run_->exit_reason))};
  }
}

void let_signal_interrupt_run(const VcpuFd& vcpu, int signal) {
  // Leaves out the signals that the C library keeps for itself.
  sigset_t all;
  ::sigfillset(&all);
  std::uint64_t blocked = 0;
  for (int number = 1; number <= 64; ++number) {
    if (number != signal && number != SIGBUS && ::sigismember(&all, number) == 1) {
      blocked |= std::uint64_t{1} << (number - 1);
    }
  }
  SignalMask mask;
  mask.blocked = {static_cast<std::uint32_t>(blocked), static_cast<std::uint32_t>(blocked >> 32)};
  checked_ioctl(vcpu.fd(), kSetSignalMask, &mask, "KVM_SET_SIGNAL_MASK");
}

}  // namespace faasnap::kvm
