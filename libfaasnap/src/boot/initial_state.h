#pragma once

#include <cstdint>

#include "memory/guest_address.h"
#include "memory/guest_memory.h"

namespace faasnap::boot {

// A segment register: its selector and its GDT entry.
struct InitialSegment {
  std::uint16_t selector = 0;
  std::uint64_t descriptor = 0;
};

// The registers with which the boot processor enters the kernel: 64-bit mode, interrupts off, the
// first 4 GiB mapped one to one.
struct InitialState {
  std::uint64_t rip = 0;
  std::uint64_t rsp = 0;
  std::uint64_t rsi = 0;  // the zero page
  std::uint64_t cr0 = 0;
  std::uint64_t cr3 = 0;
  std::uint64_t cr4 = 0;
  std::uint64_t efer = 0;
  std::uint64_t gdt_base = 0;
  std::uint16_t gdt_limit = 0;
  InitialSegment code;
  InitialSegment data;  // DS, ES, FS, GS and SS
  InitialSegment task;
};

// Writes the GDT and the page tables of the 64-bit boot protocol into guest memory. Returns the
// registers that refer to them.
InitialState write_initial_state(const memory::GuestMemory& memory, memory::GuestAddress entry);

}  // namespace faasnap::boot
