#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "memory/guest_address.h"

namespace faasnap::kvm {

// Why KVM_RUN returned. All numbers in them are the guest's and must be checked.

// The guest executed IN or OUT (or INS, OUTS: `count` items of `size` bytes, one after the other in
// `data`). `data` points into the vCPU's shared area until the next run(); for an IN it is to be
// filled.
struct IoExit {
  bool out = false;
  std::uint16_t port = 0;
  std::uint8_t size = 0;  // of one item: 1, 2 or 4
  std::uint32_t count = 0;
  std::byte* data = nullptr;
};

// The guest touched an address without memory behind it. `data` as in IoExit, `length` bytes of at
// most 8; to be filled for a read.
struct MmioExit {
  bool write = false;
  memory::GuestAddress address;
  std::uint8_t length = 0;
  std::byte* data = nullptr;
};

// A signal came, or the immediate-exit flag was set; or KVM asks to be entered again.
struct Interrupted {};

// HLT, without an in-kernel interrupt controller to wait in.
struct Halted {};

// A triple fault.
struct Shutdown {};

struct SystemEvent {
  std::uint32_t type = 0;  // KVM_SYSTEM_EVENT_*
};

// KVM cannot run this vCPU any further.
struct InternalError {
  std::string reason;
};

// The host could not get a page of guest memory: the file that it maps has been cut short, or its
// disk failed. `address` where the kernel says (KVM_EXIT_MEMORY_FAULT).
struct MemoryFault {
  std::optional<memory::GuestAddress> address;
};

using Exit = std::variant<IoExit, MmioExit, Interrupted, Halted, Shutdown, SystemEvent,
                          InternalError, MemoryFault>;

}  // namespace faasnap::kvm
