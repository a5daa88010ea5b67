// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>

#include "base/files/fd.h"

namespace faasnap::base {

// Tell files and directories that a living process is making from those that a killed one has left.
// The maker holds a lock (flock(2)) on what it makes, which the kernel drops with the process. On a
// network file system a lock on a directory is seen by this host alone.

// Called by the maker once it has made `path` and opened it as `fd`. Returns false if a cleaner was
// faster and is about to remove it: the maker makes another. Throws if neither can be told. The
// claim ends with the descriptor.
bool claim(const UniqueFd& fd, const std::filesystem::path& path);

// Called by a cleaner that has opened `path` as `fd`. Returns true if nobody makes it any more and
// `path` still names it; then nobody can claim it until the descriptor is closed. False where the
// file system has no locks.
bool is_abandoned(const UniqueFd& fd, const std::filesystem::path& path) noexcept;

}  // namespace faasnap::base
