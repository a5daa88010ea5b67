// SPDX-License-Identifier: Apache-2.0

#ifndef FAASNAP_INIT_DISK_FILE_SYSTEM_H_
#define FAASNAP_INIT_DISK_FILE_SYSTEM_H_

#include <string>

namespace faasnap::init {

// Makes an empty ext4 file system without a journal on `device`, a disk that reads as zeros: a few
// blocks are written, whatever its size. Its first directory is root's alone to write. What was on
// the disk is lost. Returns an empty string, or why it cannot be done.
std::string make_disk_file_system(const std::string& device);

}  // namespace faasnap::init

#endif  // FAASNAP_INIT_DISK_FILE_SYSTEM_H_
