// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/files/file.h"
#include "memory/guest_address.h"
#include "memory/guest_memory.h"

namespace faasnap::boot {

// A kernel that was copied into guest memory, with the values of its setup header.
struct LoadedKernel {
  // Address at which the boot processor starts, in 64-bit mode.
  memory::GuestAddress entry;
  // First address after the kernel and the room that it uses before it has a memory map.
  memory::GuestAddress end;
  // The setup header from offset 0x1f1 of a bzImage, which belongs at the same offset of the zero
  // page; empty for an ELF vmlinux.
  std::vector<std::byte> setup_header;
  // Highest allowed address of the last byte of an initramfs.
  std::uint64_t initramfs_limit = 0x37ffffff;
  // Maximum length of the command line, without the terminating zero.
  std::uint64_t command_line_limit = 0;
};

// Loads a bzImage of boot protocol 2.12 or later with a 64-bit entry point
// (Documentation/arch/x86/boot.rst of Linux), or a statically linked x86-64 ELF vmlinux, entered by
// the same protocol. Checks every field of the file against the file and the guest's memory. Throws
// ErrorKind::invalid_argument, with the name of the file and what was expected.
LoadedKernel load_kernel(const memory::GuestMemory& memory, const base::OpenFile& file);

}  // namespace faasnap::boot
