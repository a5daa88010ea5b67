#pragma once

#include <faasnap/units.h>

namespace faasnap::bench {

// Bytes that this process has had read from block devices (proc(5), /proc/pid/io). Throws
// std::runtime_error where the kernel does not count them.
Bytes bytes_read_from_disks();

}  // namespace faasnap::bench
