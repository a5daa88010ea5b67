// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "format/snapshot_directory.h"
#include "paging/snapshot_files.h"
#include "snapshot/opened_snapshot.h"

namespace faasnap {

// Returns the snapshot's files that plans name, valid as long as the snapshot. A missing file is
// closed.
inline paging::SnapshotFiles files_of(const OpenedSnapshot& snapshot) {
  const auto file = [&](std::string_view name) {
    return paging::FileRef{&snapshot.fd_of(name), snapshot.path_of(name),
                           &snapshot.direct_fd_of(name)};
  };
  return {.memory = file(format::kMemoryFile),
          .loading_set = file(format::kLoadingSetFile),
          .reap_set = file(format::kReapSetFile),
          .stream_set = file(format::kStreamSetFile)};
}

}  // namespace faasnap
