// SPDX-License-Identifier: Apache-2.0

#include "format/image_content.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/files/file.h"

namespace faasnap::format {

ImageContent::ImageContent(std::vector<File> files, memory::ImageMap map)
    : files_(std::move(files)), map_(std::move(map)) {}

ImageContent::ImageContent(const base::UniqueFd& fd, const std::filesystem::path& path,
                           Bytes memory)
    : ImageContent({{&fd, path}}, memory::ImageMap({{{{0}, memory.pages()}, 0}})) {}

void ImageContent::read(PageRange pages, std::span<std::byte> out) const {
  map_.cut(pages, [&](PageRange part, std::optional<std::uint32_t> layer) {
    const auto bytes = out.subspan((part.first - pages.first) * kPageSize, part.size().value);
    if (layer) {
      const File& file = files_[*layer];
      base::read_exact(*file.fd, bytes, part.first.offset().value, file.path);
    } else {
      std::ranges::fill(bytes, std::byte{0});
    }
  });
}

}  // namespace faasnap::format
