// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include <faasnap/restore_plan.h>

#include "base/files/fd.h"

namespace faasnap::paging {

// A file of a snapshot, open for reading, and its name for error messages. Does not own the
// descriptors, which must stay open as long as this is used.
struct FileRef {
  const base::UniqueFd* fd = nullptr;
  std::filesystem::path path;
  // The same, opened for reads that bypass the page cache; null or closed where nobody has.
  const base::UniqueFd* direct = nullptr;
};

// The files that the backings of a plan name. A file that the plan does not use may be left empty.
struct SnapshotFiles {
  // The snapshot's own memory file, and those of its bases, in order.
  FileRef memory{};
  std::vector<FileRef> bases{};
  FileRef loading_set{};
  FileRef reap_set{};
  FileRef stream_set{};

  // Returns null for Backing::anonymous. `layer` is that of a memory file (PlannedMapping). Throws
  // ErrorKind::invalid_argument if there is no such layer.
  const FileRef* of(Backing backing, std::uint32_t layer = 0) const;
};

}  // namespace faasnap::paging
