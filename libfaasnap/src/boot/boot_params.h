// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string_view>

#include "base/files/file.h"
#include "boot/kernel_image.h"
#include "memory/guest_address.h"
#include "memory/guest_memory.h"

namespace faasnap::boot {

// Writes the zero page with its memory map (e820) at kZeroPage, the command line, and the initramfs
// at the end of low memory, if there is one. `rsdp` is from write_acpi_tables.
// Throws ErrorKind::invalid_argument, with the name of the option, if the command line is too long
// or the initramfs does not fit.
void write_boot_params(const memory::GuestMemory& memory, const LoadedKernel& kernel,
                       std::string_view command_line, const base::OpenFile& initramfs,
                       memory::GuestAddress rsdp);

}  // namespace faasnap::boot
