// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>

#include "image/budget.h"
#include "image/file_tree.h"

namespace faasnap::cli {

// Puts the files of an erofs image without compression, as write_erofs and mkfs.erofs make it, into
// the tree. Contents stay in the image, which the tree keeps open. Leaves out devices, sockets and
// extended attributes. Throws Failure that names the image if it is not such an image, is damaged,
// or has more than the budget allows.
void read_erofs(const std::filesystem::path& image, FileTree& tree, Budget& budget);

}  // namespace faasnap::cli
