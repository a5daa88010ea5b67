// SPDX-License-Identifier: Apache-2.0

#include "bursts/copies.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "harness/disk_usage.h"
#include "harness/process.h"

namespace faasnap::bench {

Copies::Copies(std::filesystem::path snapshot) { paths_.push_back(std::move(snapshot)); }

Copies::~Copies() {
  std::error_code ignored;
  for (const auto& path : paths_) {
    std::filesystem::remove_all(path, ignored);
  }
}

std::vector<std::filesystem::path> Copies::same(std::size_t count) const {
  return std::vector<std::filesystem::path>(count, paths_.front());
}

std::vector<std::filesystem::path> Copies::distinct(std::size_t count) {
  const std::filesystem::path snapshot = paths_.front();
  const std::uint64_t size = bytes_on_disk(snapshot);
  bool copied = false;
  while (paths_.size() < count) {
    if (std::filesystem::space(snapshot).available < size) {
      throw std::runtime_error(
          fmt::format("{}: no room for {} copies", snapshot.string(), count - 1));
    }
    const std::filesystem::path copy = fmt::format("{}-copy{}", snapshot.string(), paths_.size());
    std::filesystem::remove_all(copy);
    Process({"cp", "-a", "--sparse=always", "--reflink=never", snapshot.string(), copy.string()},
            {.log = snapshot.string() + ".log"})
        .wait();
    std::filesystem::remove(snapshot.string() + ".log");
    paths_.push_back(copy);
    copied = true;
  }
  if (copied) {
    // A page that is not on the disk yet cannot be dropped from the page cache.
    const tools::Descriptor directory = tools::open_file(snapshot, O_RDONLY | O_DIRECTORY);
    if (::syncfs(directory.get()) != 0) {
      throw std::system_error(errno, std::generic_category(), snapshot.string());
    }
  }
  return {paths_.begin(), paths_.begin() + static_cast<std::ptrdiff_t>(count)};
}

}  // namespace faasnap::bench
