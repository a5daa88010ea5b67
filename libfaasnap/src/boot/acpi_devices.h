// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "boot/acpi.h"
#include "boot/aml.h"

namespace faasnap::boot {

// Returns the definition block of the DSDT: the devices below \_SB, and \_S5.
aml::Term describe_devices(const AcpiConfig& config);

}  // namespace faasnap::boot
