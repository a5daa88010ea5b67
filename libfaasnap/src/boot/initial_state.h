// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "memory/boot_registers.h"
#include "memory/guest_address.h"
#include "memory/guest_memory.h"

namespace faasnap::boot {

// Writes the GDT and the page tables of the 64-bit boot protocol into guest memory, and returns the
// registers with which the boot processor enters the kernel: 64-bit mode, interrupts off, the first
// 4 GiB mapped one to one, RSI at the zero page.
memory::BootRegisters write_initial_state(const memory::GuestMemory& memory,
                                          memory::GuestAddress entry);

}  // namespace faasnap::boot
