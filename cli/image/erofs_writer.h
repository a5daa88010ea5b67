// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <faasnap/units.h>

#include "image/file_tree.h"

namespace faasnap::cli {

struct ErofsOptions {
  std::array<std::uint8_t, 16> uuid{};
  // The file system's own time, seconds since the Unix epoch.
  std::int64_t time = 0;
  // Files of a later time get this one.
  std::optional<std::int64_t> latest{};
};

// Writes the tree as an erofs file system without compression, which Linux 5.4 and later mount,
// into the open empty file. Equal trees and options give equal bytes: owners, permissions, times to
// the second, hard links and contents are kept, extended attributes are not.
//
// `progress` is told what is done and returns false to stop. Throws Failure that names the file
// `name` if it cannot be written, and Interrupted.
void write_erofs(const FileTree& tree, int fd, const std::string& name, const ErofsOptions& options,
                 const std::function<bool(Bytes done, Bytes total)>& progress);

}  // namespace faasnap::cli
