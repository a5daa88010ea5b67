#pragma once

#include "api/snapshot_impl.h"
#include "format/snapshot_directory.h"
#include "paging/files.h"

namespace faasnap {

// The files of a snapshot that plans name; valid as long as the snapshot.
inline paging::Files files_of(const Snapshot::Impl& snapshot) {
  return {.memory = {&snapshot.memory_fd(), snapshot.path_of(format::kMemoryFile)},
          .loading_set = {&snapshot.loading_set_fd(), snapshot.path_of(format::kLoadingSetFile)}};
}

}  // namespace faasnap
