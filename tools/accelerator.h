// SPDX-License-Identifier: Apache-2.0

#pragma once

namespace faasnap::tools {

// True in either lab; the lab sets an environment variable (docs/guide/lab.md).
bool in_lab();

// Returns what runs the guests: "kvm"; on an emulated processor "kvm-in-lab", or
// "kvm-in-counted-lab" if its clock counts instructions.
const char* accelerator();

}  // namespace faasnap::tools
