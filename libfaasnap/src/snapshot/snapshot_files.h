// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "format/snapshot_directory.h"
#include "paging/snapshot_files.h"
#include "snapshot/opened_snapshot.h"

namespace faasnap {

// Returns the snapshot's files that plans name, valid as long as the snapshot. A missing file is
// closed.
inline paging::SnapshotFiles files_of(const OpenedSnapshot& snapshot) {
  const auto file = [](const OpenedSnapshot& layer, std::string_view name) {
    return paging::FileRef{&layer.fd_of(name), layer.path_of(name), &layer.direct_fd_of(name)};
  };
  paging::SnapshotFiles files{.memory = file(snapshot, format::kMemoryFile),
                              .loading_set = file(snapshot, format::kLoadingSetFile),
                              .reap_set = file(snapshot, format::kReapSetFile),
                              .stream_set = file(snapshot, format::kStreamSetFile)};
  for (const OpenedSnapshot* layer : snapshot.layers()) {
    if (layer != &snapshot) {
      files.bases.push_back(file(*layer, format::kMemoryFile));
    }
  }
  return files;
}

}  // namespace faasnap
