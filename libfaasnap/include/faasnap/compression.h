// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string_view>

#include <faasnap/export.h>

namespace faasnap {

// How the content of a snapshot's stream set is stored.
enum class Compression {
  none,  // as it is
  lz4,   // in blocks of LZ4 (docs/results/paging.md has the disks that it suits)
};

// Returns the name, "none" or "lz4".
FAASNAP_EXPORT const char* to_string(Compression compression) noexcept;
// Returns nothing if `name` is neither.
FAASNAP_EXPORT std::optional<Compression> parse_compression(std::string_view name) noexcept;

}  // namespace faasnap
