// SPDX-License-Identifier: Apache-2.0

#include "harness/disk_usage.h"

#include <sys/stat.h>

#include <cerrno>
#include <system_error>

namespace faasnap::bench {
namespace {

constexpr std::uint64_t kBlock = 512;  // unit of st_blocks on every file system (stat(2))

}  // namespace

std::uint64_t bytes_on_disk(const std::filesystem::path& path) {
  std::uint64_t sum = 0;
  if (std::filesystem::is_directory(path)) {
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      sum += bytes_on_disk(entry.path());
    }
    return sum;
  }
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    throw std::system_error(errno, std::generic_category(), path.string());
  }
  return static_cast<std::uint64_t>(status.st_blocks) * kBlock;
}

}  // namespace faasnap::bench
