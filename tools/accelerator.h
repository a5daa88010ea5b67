#pragma once

namespace faasnap::tools {

// True in either lab, which says so in the environment (docs/guide/lab.md).
bool in_lab();

// Returns what runs the guests: "kvm"; or where the processor is an emulated one "kvm-in-lab", or
// "kvm-in-counted-lab" if its clock counts instructions.
const char* accelerator();

}  // namespace faasnap::tools
