// SPDX-License-Identifier: Apache-2.0

#include "paging/snapshot_files.h"

namespace faasnap::paging {

const FileRef* SnapshotFiles::of(Backing backing) const noexcept {
  switch (backing) {
    case Backing::anonymous:
      return nullptr;
    case Backing::memory_file:
      return &memory;
    case Backing::loading_set:
      return &loading_set;
    case Backing::reap_set:
      return &reap_set;
    case Backing::stream_set:
      return &stream_set;
  }
  return nullptr;
}

}  // namespace faasnap::paging
