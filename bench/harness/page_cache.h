// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <filesystem>

namespace faasnap::bench {

// Asks the kernel to drop `file` from the page cache. Returns how many of its pages are still there
// (mincore); 0 proves that the next reader finds it cold.
std::uint64_t drop_from_cache(const std::filesystem::path& file);

}  // namespace faasnap::bench
