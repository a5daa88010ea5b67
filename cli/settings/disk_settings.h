// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <faasnap/guest_limits.h>
#include <faasnap/vm_options.h>

#include "settings/options.h"

namespace faasnap::cli {

// The options of disks: which a VM that is booted has besides its root disk, and for any VM where
// its scratch files are and how fast its disks may be.

// Adds --disk, --scratch and --overlay if `boots`, and the others.
void add_disk_options(CommandLine& line, bool boots);

// Sets what they say: the disks of --scratch, --disk and --overlay, in this order, the word of the
// command line that has the guest write its files to the last, and the attachments. Throws
// UsageError.
void set_disk_options(const CommandLine& line, VmOptions& options);
// Returns the limits that they say; the others are the defaults.
DiskLimits disk_limits(const CommandLine& line);

}  // namespace faasnap::cli
