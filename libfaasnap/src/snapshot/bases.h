// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include <faasnap/snapshot_info.h>

namespace faasnap {

// Maximum number of layers of a snapshot, itself included.
inline constexpr unsigned kMaximumLayers = 32;

// Returns the directory of the snapshot `base`, which the snapshot in `layer` names: one of
// `directories` itself, or a directory in one of them or beside `layer`. Throws
// ErrorKind::not_found, with the places that were looked at, if there is none.
std::filesystem::path find_base(const BaseIdentity& base, const std::filesystem::path& layer,
                                std::span<const std::filesystem::path> directories);

}  // namespace faasnap
