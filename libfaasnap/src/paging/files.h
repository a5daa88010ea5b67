#pragma once

#include <filesystem>

#include "base/fd.h"

namespace faasnap::paging {

// A file of a snapshot, open for reading, and its name for error messages. Not owned: the
// descriptor must stay open as long as whoever was given this uses it.
struct FileRef {
  const base::UniqueFd* fd = nullptr;
  std::filesystem::path path;
};

// The files that a plan's backings stand for. `loading_set` may be left empty for plans that do not
// use it.
struct Files {
  FileRef memory;
  FileRef loading_set;
};

}  // namespace faasnap::paging
