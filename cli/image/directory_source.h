// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>

#include "image/budget.h"
#include "image/file_tree.h"

namespace faasnap::cli {

// Puts the files of a directory of the host into the tree, with their permissions, times and hard
// links. What belongs to the caller belongs to root in the tree, other owners stay: a tree that a
// user has unpacked for himself becomes root's, one that root has unpacked keeps its owners.
//
// Contents stay where they are until they are read. Leaves out sockets, and devices in /dev, where
// the guest mounts its own. Throws Failure that names the file for another device, one that cannot
// be read, and more than the budget allows.
void read_directory(const std::filesystem::path& directory, FileTree& tree, Budget& budget);

}  // namespace faasnap::cli
