// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <vector>

#include <faasnap/guest_limits.h>
#include <faasnap/vm_options.h>

#include "settings/options.h"

namespace faasnap::cli {

// The options of disks: which a VM that is booted has besides its root disk, and for any VM where
// its scratch files are and how fast its disks may be.

// Adds --disk and --scratch if `boots`, and the others.
void add_disk_options(CommandLine& line, bool boots);

// Returns the disks that --scratch and --disk name, in this order. Throws UsageError.
std::vector<DiskOptions> disk_options(const CommandLine& line);
// Sets what the other options say.
void set_disk_options(const CommandLine& line, VmAttachments& attachments);
// Returns the limits that they say; the others are the defaults.
DiskLimits disk_limits(const CommandLine& line);

}  // namespace faasnap::cli
