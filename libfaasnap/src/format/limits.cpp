// SPDX-License-Identifier: Apache-2.0

#include "format/limits.h"

#include <fmt/format.h>

namespace faasnap::format {

std::optional<std::string> defect_of(std::string_view snapshot_id, Bytes memory) {
  if (snapshot_id.empty() || snapshot_id.size() > kMaximumSnapshotId) {
    return fmt::format("snapshot id has {} bytes, expected 1 to {}", snapshot_id.size(),
                       kMaximumSnapshotId);
  }
  if (memory.value == 0 || memory.value % kPageSize != 0 || memory.pages() > kMaximumPages) {
    return fmt::format("memory size is {}, expected a multiple of {} of at most {} pages",
                       memory.value, kPageSize, kMaximumPages);
  }
  return std::nullopt;
}

}  // namespace faasnap::format
