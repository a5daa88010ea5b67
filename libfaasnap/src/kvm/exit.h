// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "memory/guest_address.h"

namespace faasnap::kvm {

// The reasons why KVM_RUN returns. All numbers in them come from the guest and must be checked.

// The guest executed IN or OUT, or INS or OUTS: `count` items of `size` bytes, one after the other
// in `data`. `data` points into the vCPU's shared area and is valid until the next run(); the
// caller fills it for an IN.
struct IoExit {
  bool out = false;
  std::uint16_t port = 0;
  std::uint8_t size = 0;  // size of one item: 1, 2 or 4
  std::uint32_t count = 0;
  std::byte* data = nullptr;
};

// The guest touched an address that has no memory: `length` bytes, at most 8. `data` is as in
// IoExit; the caller fills it for a read.
struct MmioExit {
  bool write = false;
  memory::GuestAddress address;
  std::uint8_t length = 0;
  std::byte* data = nullptr;
};

// A signal came, the immediate-exit flag was set, or KVM asks to be entered again.
struct Interrupted {};

// The guest executed HLT, and there is no in-kernel interrupt controller to wait in.
struct Halted {};

// The guest caused a triple fault.
struct Shutdown {};

struct SystemEvent {
  std::uint32_t type = 0;  // KVM_SYSTEM_EVENT_*
};

// KVM cannot run this vCPU any longer.
struct InternalError {
  std::string reason;
};

// The host could not provide a page of guest memory: a mapped file has been truncated, its disk
// failed, or the host's memory has an error there. `address` is set if the kernel reports it
// (KVM_EXIT_MEMORY_FAULT).
struct MemoryFault {
  std::optional<memory::GuestAddress> address;
  std::string reason;
};

using Exit = std::variant<IoExit, MmioExit, Interrupted, Halted, Shutdown, SystemEvent,
                          InternalError, MemoryFault>;

}  // namespace faasnap::kvm
