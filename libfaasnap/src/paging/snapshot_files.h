// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>

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
  FileRef memory{};
  FileRef loading_set{};
  FileRef reap_set{};
  FileRef stream_set{};

  // Returns null for Backing::anonymous.
  const FileRef* of(Backing backing) const noexcept;
};

}  // namespace faasnap::paging
