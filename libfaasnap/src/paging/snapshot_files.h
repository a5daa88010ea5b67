#pragma once

#include <filesystem>

#include <faasnap/restore_plan.h>

#include "base/fd.h"

namespace faasnap::paging {

// A file of a snapshot, open for reading, and its name for error messages. Not owned: the
// descriptor must stay open as long as whoever was given this uses it.
struct FileRef {
  const base::UniqueFd* fd = nullptr;
  std::filesystem::path path;
};

// The files that a plan's backings stand for. Those that a plan does not use may be left empty.
struct SnapshotFiles {
  FileRef memory{};
  FileRef loading_set{};
  FileRef reap_set{};
  FileRef stream_set{};

  // Null for Backing::anonymous.
  const FileRef* of(Backing backing) const noexcept;
};

}  // namespace faasnap::paging
