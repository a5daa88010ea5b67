// SPDX-License-Identifier: Apache-2.0

#include "virtio/block/disk_content.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/files/file.h"

namespace faasnap::virtio {
namespace {

// Calls `use` with the pages in which `file` has data of the disk.
template <typename Use>
void for_each_data(const DiskFile& file, Bytes size, Use use) {
  const std::uint64_t end = file.begin + size.value;
  const auto seek = [&](std::uint64_t from, int what) {
    const off_t found = ::lseek(file.fd.get(), static_cast<off_t>(from), what);
    if (found < 0 && errno != ENXIO) {
      base::fail_errno("seek", file.path);
    }
    return found < 0 ? end : std::min(static_cast<std::uint64_t>(found), end);
  };
  for (std::uint64_t at = file.begin; at < end && (at = seek(at, SEEK_DATA)) < end;) {
    const std::uint64_t hole = seek(at, SEEK_HOLE);
    const PageIndex first{(at - file.begin) / kPageSize};
    const PageIndex last{(hole - 1 - file.begin) / kPageSize};
    use(PageRange{first, last - first + 1});
    at = hole;
  }
}

}  // namespace

DiskContent::DiskContent(DiskFiles files) : files_(std::move(files)) {
  const std::uint64_t size = files_.size.value;
  if (size % kSectorSize != 0 || size > kMaximumDisk.value) {
    base::fail(ErrorKind::invalid_argument, "attach disk", files_.file.path,
               fmt::format("size is {} bytes, expected a multiple of {}, at most {}", size,
                           kSectorSize, kMaximumDisk.value));
  }
  if (files_.below.fd) {
    written_.resize((sectors() + kLeafSectors - 1) / kLeafSectors);
  }
}

DiskContent DiskContent::of_image(base::UniqueFd fd, const std::filesystem::path& path) {
  const Bytes size = base::file_size(fd, path);
  return DiskContent({.file = {.fd = std::move(fd), .path = path}, .size = size});
}

bool DiskContent::is_written(std::uint64_t sector) const noexcept {
  const auto& leaf = written_[sector / kLeafSectors];
  const std::uint64_t bit = sector % kLeafSectors;
  return leaf && ((*leaf)[bit / 64] >> bit % 64 & 1) != 0;
}

DiskContent::Run DiskContent::run_at(std::uint64_t at, std::uint64_t length) const noexcept {
  if (written_.empty()) {
    return {&files_.file.fd, files_.file.begin + at, length};
  }
  const std::uint64_t end = (at + length + kSectorSize - 1) / kSectorSize;
  std::uint64_t sector = at / kSectorSize;
  const bool written = is_written(sector);
  while (++sector < end && is_written(sector) == written) {
  }
  const DiskFile& file = written ? files_.file : files_.below;
  return {&file.fd, file.begin + at, std::min(length, sector * kSectorSize - at)};
}

void DiskContent::set_written(std::uint64_t sector, std::uint64_t count) {
  if (written_.empty()) {
    return;
  }
  for (const std::uint64_t end = sector + count; sector < end; ++sector) {
    auto& leaf = written_[sector / kLeafSectors];
    if (!leaf) {
      leaf = std::make_unique<Leaf>();
    }
    const std::uint64_t bit = sector % kLeafSectors;
    (*leaf)[bit / 64] |= std::uint64_t{1} << bit % 64;
  }
}

std::vector<PageRange> DiskContent::data_pages() const {
  std::vector<PageRange> found;
  const auto add = [&](PageRange pages) { found.push_back(pages); };
  for_each_data(files_.file, files_.size, add);
  if (files_.below.fd) {
    for_each_data(files_.below, files_.size, add);
  }
  std::ranges::sort(found, {}, &PageRange::first);
  std::vector<PageRange> merged;
  for (const PageRange& pages : found) {
    if (!merged.empty() && pages.first <= merged.back().end()) {
      merged.back().count = std::max(merged.back().end(), pages.end()) - merged.back().first;
    } else {
      merged.push_back(pages);
    }
  }
  return merged;
}

void DiskContent::read(std::uint64_t at, std::span<std::byte> out) const {
  const std::uint64_t size = files_.size.value;
  const std::uint64_t inside = std::min<std::uint64_t>(out.size(), size - std::min(at, size));
  std::ranges::fill(out.subspan(inside), std::byte{0});
  for (out = out.first(inside); !out.empty();) {
    const Run run = run_at(at, out.size());
    const DiskFile& file = run.fd == &files_.file.fd ? files_.file : files_.below;
    base::read_exact(*run.fd, out.first(run.length), run.offset, file.path);
    out = out.subspan(run.length);
    at += run.length;
  }
}

}  // namespace faasnap::virtio
