// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <span>
#include <string>

namespace faasnap::test {

// True if every mapping of this process that has a part of `memory` is left out of core dumps and
// of children (the flags "dd" and "dc" of proc_pid_smaps(5)).
inline bool is_hidden(std::span<const std::byte> memory) {
  const auto begin = reinterpret_cast<std::uintptr_t>(memory.data());
  std::ifstream smaps("/proc/self/smaps");
  bool inside = false;
  bool found = false;
  for (std::string line; std::getline(smaps, line);) {
    unsigned long first = 0;
    unsigned long end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &first, &end) == 2) {
      inside = first < begin + memory.size() && begin < end;
    } else if (inside && line.starts_with("VmFlags:")) {
      found = true;
      line += ' ';
      if (line.find(" dd ") == std::string::npos || line.find(" dc ") == std::string::npos) {
        return false;
      }
    }
  }
  return found;
}

}  // namespace faasnap::test
