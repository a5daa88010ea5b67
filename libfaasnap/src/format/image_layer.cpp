// SPDX-License-Identifier: Apache-2.0

#include "format/image_layer.h"

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "base/checksum.h"
#include "base/error.h"
#include "base/files/file.h"
#include "base/progress.h"
#include "memory/page_scan.h"
#include "memory/page_set.h"

namespace faasnap::format {
namespace {

constexpr const char* kWritingLayer = "write memory image";

// Where the content of a page stands in a layered image.
enum class Place { nowhere, base, layer };

class LayerWriter {
 public:
  LayerWriter(const base::UniqueFd& fd, const std::filesystem::path& path, Bytes memory,
              const ImageContent& whole, const ImageContent* base)
      : fd_(fd),
        path_(path),
        whole_(whole),
        base_(base),
        content_(kChunkPages * kPageSize),
        other_(base != nullptr ? content_.size() : 0) {
    table_.memory = memory;
    table_.chunk_checksums.resize((memory.pages() + kChunkPages - 1) / kChunkPages);
  }

  // Writes what differs in `chunk`.
  void write(std::uint64_t chunk) {
    const PageIndex first{chunk * kChunkPages};
    const PageRange pages{first, std::min(kChunkPages, table_.memory.pages() - first.value)};
    read(pages);
    for (PageIndex page = pages.first; page < pages.end();) {
      const PageIndex begin = page;
      const Place place = place_of(begin - pages.first);
      do {
        page = page + 1;
      } while (page < pages.end() && place_of(page - pages.first) == place);
      enter({begin, page - begin}, place, chunk);
    }
  }

  ImageTable take() {
    table_.stored = std::move(stored_).runs();
    table_.based = std::move(based_).runs();
    return std::move(table_);
  }

 private:
  void read(PageRange pages) {
    whole_.read(pages, std::span(content_).first(pages.size().value));
    if (base_ != nullptr) {
      base_->read(pages, std::span(other_).first(pages.size().value));
    }
  }

  std::span<const std::byte> page_of(const std::vector<std::byte>& buffer,
                                     std::uint64_t page) const {
    return std::span(buffer).subspan(page * kPageSize, kPageSize);
  }

  Place place_of(std::uint64_t page) const {
    const auto content = page_of(content_, page);
    if (memory::is_zero(content)) {
      return Place::nowhere;
    }
    return base_ != nullptr && std::ranges::equal(content, page_of(other_, page)) ? Place::base
                                                                                  : Place::layer;
  }

  void enter(PageRange run, Place place, std::uint64_t chunk) {
    if (place == Place::base) {
      based_.append(run);
    } else if (place == Place::layer) {
      const auto bytes = std::span<const std::byte>(content_).subspan(
          (run.first.value - chunk * kChunkPages) * kPageSize, run.size().value);
      std::uint32_t& checksum = table_.chunk_checksums[chunk];
      checksum = base::crc32c(bytes, checksum);
      base::write_exact(fd_, bytes, run.first.offset().value, path_);
      stored_.append(run);
    }
  }

  const base::UniqueFd& fd_;
  const std::filesystem::path& path_;
  const ImageContent& whole_;
  const ImageContent* const base_;
  std::vector<std::byte> content_;
  std::vector<std::byte> other_;
  memory::PageSet stored_;
  memory::PageSet based_;
  ImageTable table_;
};

}  // namespace

ImageTable write_image_layer(const base::UniqueFd& fd, const std::filesystem::path& path,
                             Bytes memory, const ImageContent& whole, const ImageContent* base,
                             const Progress& progress) {
  const memory::PageSet data = whole.map().pages();
  LayerWriter writer(fd, path, memory, whole, base);
  const std::uint64_t chunks = (memory.pages() + kChunkPages - 1) / kChunkPages;
  for (std::uint64_t chunk = 0; chunk < chunks; ++chunk) {
    const PageRange pages{{chunk * kChunkPages}, kChunkPages};
    bool any = false;
    data.cut(pages, [&](PageRange, bool inside) { any = any || inside; });
    if (any) {
      writer.write(chunk);
    }
    const Bytes done{std::min((chunk + 1) * kChunkPages * kPageSize, memory.value)};
    base::report_progress(progress, done, memory, kWritingLayer, path);
  }
  if (::ftruncate(fd.get(), static_cast<off_t>(image_file_size(memory).value)) != 0) {
    base::fail_errno("set size of", path);
  }
  return writer.take();
}

}  // namespace faasnap::format
