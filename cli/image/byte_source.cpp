// SPDX-License-Identifier: Apache-2.0

#include "image/byte_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tools/failure.h"

namespace faasnap::cli {
namespace {

void read_fully(int fd, const std::string& name, std::uint64_t offset, std::span<std::byte> into) {
  while (!into.empty()) {
    const ssize_t got = ::pread(fd, into.data(), into.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      throw tools::Failure(fmt::format("{}: cannot be read: {}", name, std::strerror(errno)));
    }
    if (got == 0) {
      throw tools::Failure(fmt::format("{}: ends too early, at byte {}", name, offset));
    }
    into = into.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
}

}  // namespace

std::string read_all(const ByteSource& source, std::uint64_t most, const std::string& what) {
  if (source.size() > most) {
    throw tools::Failure(fmt::format("{}: larger than {} bytes", what, most));
  }
  std::string text(source.size(), '\0');
  source.read(0, std::as_writable_bytes(std::span(text)));
  return text;
}

void TextSource::read(std::uint64_t offset, std::span<std::byte> into) const {
  std::memcpy(into.data(), text_.data() + offset, into.size());
}

void HostFile::read(std::uint64_t offset, std::span<std::byte> into) const {
  // A file that was replaced by a link or a FIFO is not followed and does not block.
  const tools::Descriptor fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (fd.get() < 0) {
    throw tools::Failure(
        fmt::format("{}: cannot be read: {}", path_.string(), std::strerror(errno)));
  }
  read_fully(fd.get(), path_.string(), offset, into);
}

FileExtents::FileExtents(std::shared_ptr<const OpenFile> file, std::vector<Extent> extents)
    : file_(std::move(file)), extents_(std::move(extents)) {
  for (const Extent& extent : extents_) {
    size_ += extent.length;
  }
}

void FileExtents::read(std::uint64_t offset, std::span<std::byte> into) const {
  for (const Extent& extent : extents_) {
    if (into.empty()) {
      return;
    }
    if (offset >= extent.length) {
      offset -= extent.length;
      continue;
    }
    const std::size_t here =
        static_cast<std::size_t>(std::min<std::uint64_t>(extent.length - offset, into.size()));
    read_fully(file_->fd.get(), file_->name, extent.offset + offset, into.first(here));
    into = into.subspan(here);
    offset = 0;
  }
}

}  // namespace faasnap::cli
