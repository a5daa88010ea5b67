// SPDX-License-Identifier: Apache-2.0

#include "paging/snapshot_files.h"

#include <fmt/format.h>

#include "base/error.h"

namespace faasnap::paging {

const FileRef* SnapshotFiles::of(Backing backing, std::uint32_t layer) const {
  if (layer > bases.size()) {
    base::fail(ErrorKind::invalid_argument, "map guest memory", memory.path,
               fmt::format("the plan uses base {}, expected at most {}", layer, bases.size()));
  }
  switch (backing) {
    case Backing::anonymous:
      return nullptr;
    case Backing::memory_file:
      return layer == 0 ? &memory : &bases[layer - 1];
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
