// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "image/budget.h"
#include "image/file_tree.h"
#include "image/spool.h"

namespace faasnap::cli {

enum class ArchiveKind {
  // A tar archive whose names are those of files, also absolute ones.
  files,
  // A layer of an image: tar with whiteouts (OCI image specification, layer.md).
  layer,
  // A zip archive, whose absolute names are errors.
  zip,
};

// Puts the files of an archive into the tree, tar or zip, plain or compressed by gzip, bzip2, xz or
// zstd. Contents are unpacked into the spool. Devices in /dev are left out, since the guest mounts
// its own. Throws Failure that quotes `name` and the file for what is not such an archive, is
// damaged or encrypted, names a file that leads out of the tree, has a device elsewhere, or has
// more than the budget allows.
void read_archive(const ByteSource& archive, const std::string& name, ArchiveKind kind,
                  FileTree& tree, Spool& spool, Budget& budget);

// Returns true if the bytes begin as a zip archive does.
bool is_zip(const ByteSource& archive);

}  // namespace faasnap::cli
