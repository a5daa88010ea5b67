#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "kvm/abi.h"
#include "kvm/vcpu_fd.h"

namespace faasnap::kvm {
namespace {

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

// Older kernels never set this exit reason, so that what an earlier exit left is not taken for it.
MemoryFault VcpuFd::memory_fault() const noexcept {
  if (run_->exit_reason != kExitMemoryFault) {
    return {};
  }
  MemoryFaultData data;
  static_assert(sizeof(data) <= sizeof(run_->padding));
  std::memcpy(&data, run_->padding, sizeof(data));
  return {memory::GuestAddress{data.address}};
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
      return InternalError{fmt::format("KVM exit reason {}, which nothing asked for",
                                       static_cast<std::uint32_t>(run_->exit_reason))};
  }
}

}  // namespace faasnap::kvm
