// SPDX-License-Identifier: Apache-2.0

#include "replay/disk_reads.h"

#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string>

namespace faasnap::bench {

Bytes bytes_read_from_disks() {
  std::ifstream file("/proc/self/io");
  std::string key;
  for (std::uint64_t value = 0; file >> key >> value;) {
    if (key == "read_bytes:") {
      return {value};
    }
  }
  throw std::runtime_error("/proc/self/io has no read_bytes");
}

}  // namespace faasnap::bench
