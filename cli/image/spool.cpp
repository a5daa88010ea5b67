// SPDX-License-Identifier: Apache-2.0

#include "image/spool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tools/failure.h"

namespace faasnap::cli {
namespace {

[[noreturn]] void fail_spool(const std::string& directory) {
  throw tools::Failure(fmt::format("{}: cannot be written: {}", directory, std::strerror(errno)));
}

}  // namespace

Spool::Spool(const std::filesystem::path& directory)
    : file_(std::make_shared<OpenFile>(OpenFile{directory.string(), tools::Descriptor()})) {
  std::string path = directory / "unpacked-XXXXXX";
  file_->fd = tools::Descriptor(::mkostemp(path.data(), O_CLOEXEC));
  if (file_->fd.get() < 0 || ::unlink(path.c_str()) != 0) {
    fail_spool(file_->name);
  }
}

void Spool::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t put =
        ::pwrite(file_->fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(end_));
    if (put < 0 && errno != EINTR) {
      fail_spool(file_->name);
    }
    const auto written = static_cast<std::size_t>(std::max<ssize_t>(put, 0));
    bytes = bytes.subspan(written);
    end_ += written;
  }
}

std::shared_ptr<const ByteSource> Spool::finish() {
  auto content = std::make_shared<FileExtents>(
      file_, std::vector<FileExtents::Extent>{{begin_, end_ - begin_}});
  begin_ = end_;
  return content;
}

}  // namespace faasnap::cli
