// SPDX-License-Identifier: Apache-2.0

#include "paging/reads/direct_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/files/file.h"

namespace faasnap::paging {
namespace {

// Some file systems take the flag and refuse the reads.
bool reads_directly(const base::UniqueFd& fd) noexcept {
  alignas(kPageSize) std::array<std::byte, kPageSize> page;
  const ssize_t result =
      base::retry_eintr([&] { return ::pread(fd.get(), page.data(), page.size(), 0); });
  return result >= 0 || errno != EINVAL;
}

}  // namespace

base::UniqueFd open_directly(const base::UniqueFd& fd) noexcept {
  const std::string again = fmt::format("/proc/self/fd/{}", fd.get());
  base::UniqueFd direct(::open(again.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT));
  return direct && reads_directly(direct) ? std::move(direct) : base::UniqueFd();
}

DirectFile::DirectFile(const FileRef& file) : path_(file.path) {
  if (file.fd == nullptr || !*file.fd) {
    base::fail(ErrorKind::invalid_argument, "open for loading", file.path,
               "the plan uses a file that the snapshot lacks");
  }
  const bool opened = file.direct != nullptr && *file.direct;
  if (!opened) {
    fd_ = open_directly(*file.fd);
  }
  direct_ = opened || fd_;
  if (!fd_) {
    const base::UniqueFd& fd = opened ? *file.direct : *file.fd;
    fd_ = base::UniqueFd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
  }
  if (!fd_) {
    base::fail_errno("open for loading", path_);
  }
}

Bytes check_read(std::int64_t result, const FileRef& file, Bytes end) {
  if (result == -EINTR || result == -EAGAIN) {
    return {};
  }
  if (result < 0) {
    base::fail_errno("read", file.path, static_cast<int>(-result));
  }
  const std::uint64_t whole = static_cast<std::uint64_t>(result) / kPageSize * kPageSize;
  if (whole == 0) {
    base::fail(ErrorKind::corrupt, "read", file.path,
               fmt::format("file has {} bytes, expected at least {}",
                           base::file_size(*file.fd, file.path).value, end.value));
  }
  return {whole};
}

}  // namespace faasnap::paging
