// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <filesystem>

namespace faasnap::bench {

// Returns the disk space of the file, or of all files in the directory; holes take none. Throws
// std::system_error.
std::uint64_t bytes_on_disk(const std::filesystem::path& path);

}  // namespace faasnap::bench
