// SPDX-License-Identifier: Apache-2.0

#ifndef FAASNAP_INIT_ROOT_FILE_SYSTEM_H_
#define FAASNAP_INIT_ROOT_FILE_SYSTEM_H_

#include <string>

namespace faasnap::init {

// The steps from the kernel's start of /init to a guest in which a function can run. Each ends the
// program, saying why, if it fails.

// Mounts /dev, /proc and /sys of the initramfs.
void mount_kernel_file_systems();

// Loads the modules that the initramfs's /modules lists: a path a line, each after those it needs.
void load_modules();

// Mounts the erofs file system on `device` read-only, and over it a file system in memory of the
// size `overlay` (as mount -o size= takes it), which takes what is written; mounts what programs
// expect; makes it the root, and gives back the memory of the initramfs.
void enter_root(const std::string& device, const std::string& overlay);

}  // namespace faasnap::init

#endif  // FAASNAP_INIT_ROOT_FILE_SYSTEM_H_
