// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <vector>

#include <faasnap/units.h>

#include "base/files/fd.h"
#include "memory/image_map.h"

namespace faasnap::format {

// An image's content, wherever its layers have it: each page is read from the memory file of the
// layer that stores it, and pages without data are zeros. Owns no descriptor: the files must stay
// open. Safe from any thread.
class ImageContent {
 public:
  // The memory file of one layer; the path is for messages.
  struct File {
    const base::UniqueFd* fd = nullptr;
    std::filesystem::path path;
  };

  // `files` are by layer; `map` names no others.
  ImageContent(std::vector<File> files, memory::ImageMap map);
  // The content of one file that is an image by itself, holes included.
  ImageContent(const base::UniqueFd& fd, const std::filesystem::path& path, Bytes memory);

  const memory::ImageMap& map() const noexcept { return map_; }
  // Fills `out`, which is as long as `pages`.
  void read(PageRange pages, std::span<std::byte> out) const;

 private:
  std::vector<File> files_;
  memory::ImageMap map_;
};

}  // namespace faasnap::format
