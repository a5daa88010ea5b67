#pragma once

#include <cstdint>
#include <filesystem>

namespace faasnap::bench {

// What the file, or all files in the directory, take up on the disk: holes take up nothing. Throws
// std::system_error.
std::uint64_t bytes_on_disk(const std::filesystem::path& path);

}  // namespace faasnap::bench
