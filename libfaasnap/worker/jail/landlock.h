// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

namespace faasnap::worker {

// Leaves this process, which has set no_new_privs, no files but those below `proc`, for reading,
// and the devices of a VM; no TCP, and no abstract sockets and signals of other processes, as far
// as the kernel's Landlock knows of them. Returns the version of its interface, 0 if there is none.
unsigned restrict_files(const std::string& proc);

}  // namespace faasnap::worker
