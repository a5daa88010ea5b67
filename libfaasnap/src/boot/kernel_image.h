#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "memory/guest_address.h"
#include "memory/guest_memory.h"

namespace faasnap::boot {

// A kernel that has been copied into guest memory, and what its setup header says.
struct LoadedKernel {
  // Where the boot processor starts, in 64-bit mode.
  memory::GuestAddress entry;
  // First address after the kernel, including the room that it uses before it has a memory map.
  memory::GuestAddress end;
  // The setup header from offset 0x1f1 of a bzImage, to be copied to the same offset of the zero
  // page; empty for an ELF vmlinux.
  std::vector<std::byte> setup_header;
  // Highest address that the last byte of an initramfs may have.
  std::uint64_t initramfs_limit = 0x37ffffff;
  // Longest command line, without the terminating zero.
  std::uint64_t command_line_limit = 0;
};

// Loads a bzImage of boot protocol 2.12 or later with a 64-bit entry point
// (Documentation/arch/x86/boot.rst of Linux), or a statically linked x86-64 ELF vmlinux, entered by
// the same protocol. Every field of the file is checked against the file and the guest's memory;
// ErrorKind::invalid_argument names the file and what was expected.
LoadedKernel load_kernel(const memory::GuestMemory& memory, const std::filesystem::path& path);

}  // namespace faasnap::boot
