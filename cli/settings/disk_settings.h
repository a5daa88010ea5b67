// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <vector>

#include <faasnap/guest_limits.h>
#include <faasnap/vm_options.h>

#include "settings/options.h"

namespace faasnap::cli {

// The options of disks: which a VM that is booted has besides its root disk, and for any VM where
// its scratch files are and how fast its disks may be.

// What a guest that is booted has besides its root disk.
struct GuestDisks {
  std::vector<DiskOptions> disks{};
  // More words for the kernel command line, each after a blank: which disk takes the guest's files.
  std::string words{};
};

// Adds --scratch, --disk and --overlay, and the others.
void add_disk_options(CommandLine& line);

// Returns the disks of --scratch, --disk and --overlay, in this order. Throws UsageError.
GuestDisks guest_disks(const CommandLine& line);
// Sets what the other options say.
void set_disk_options(const CommandLine& line, VmAttachments& attachments);
// Returns the limits that they say; the others are the defaults.
DiskLimits disk_limits(const CommandLine& line);

}  // namespace faasnap::cli
