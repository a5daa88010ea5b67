// SPDX-License-Identifier: Apache-2.0

// Makes on DEVICE the file system that init makes on the overlay's disk.

#include <cstdio>
#include <string>

#include "disk_file_system.h"

int main(int count, char** arguments) {
  if (count != 2) {
    std::fputs("usage: file_system_probe DEVICE\n", stderr);
    return 2;
  }
  const std::string error = faasnap::init::make_disk_file_system(arguments[1]);
  if (!error.empty()) {
    std::fprintf(stderr, "%s\n", error.c_str());
    return 1;
  }
  return 0;
}
