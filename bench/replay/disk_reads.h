// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <faasnap/units.h>

namespace faasnap::bench {

// Returns the bytes that this process has read from block devices (proc(5), /proc/pid/io). Throws
// std::runtime_error if the kernel does not count them.
Bytes bytes_read_from_disks();

}  // namespace faasnap::bench
