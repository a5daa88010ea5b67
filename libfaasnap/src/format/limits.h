#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <faasnap/units.h>

namespace faasnap::format {

// Limits that several of the formats share.

inline constexpr std::size_t kMaximumSnapshotId = 64;
// Of guest memory: page numbers fit in 32 bits, and sums of sizes never overflow.
inline constexpr std::uint64_t kMaximumPages = (1ULL << 32) - 1;

// What is wrong with a snapshot id or a size of guest memory; nothing when they can be.
std::optional<std::string> defect_of(std::string_view snapshot_id, Bytes memory);

}  // namespace faasnap::format
