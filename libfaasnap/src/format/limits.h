// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <faasnap/units.h>

namespace faasnap::format {

// Limits that several formats share.

inline constexpr std::size_t kMaximumSnapshotId = 64;
// Maximum number of pages of guest memory: page numbers fit in 32 bits, and sums of sizes never
// overflow.
inline constexpr std::uint64_t kMaximumPages = (1ULL << 32) - 1;

// Returns why a snapshot id or a size of guest memory is invalid, or nothing.
std::optional<std::string> defect_of(std::string_view snapshot_id, Bytes memory);

}  // namespace faasnap::format
