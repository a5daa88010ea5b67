// SPDX-License-Identifier: Apache-2.0

#include "paging/page_cache/drop_probe.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "base/files/file.h"
#include "paging/page_cache/residency.h"

namespace faasnap::paging {
namespace {

// A file without a name.
class ScratchFile {
 public:
  explicit ScratchFile(const std::filesystem::path& directory)
      : path_(directory / ".faasnap-check-XXXXXX") {
    std::string name = path_.string();
    fd_ = base::UniqueFd(::mkostemp(name.data(), O_CLOEXEC));
    if (!fd_) {
      base::fail_errno("create", path_);
    }
    ::unlink(name.c_str());
  }
  const base::UniqueFd& fd() const noexcept { return fd_; }
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
  base::UniqueFd fd_;
};

}  // namespace

DroppedPages try_dropping_pages(const std::filesystem::path& directory) {
  static constexpr Bytes kSize = 64_KiB;
  const ScratchFile file(directory);
  const std::vector<std::byte> content(kSize.value, std::byte{0x5a});
  base::write_exact(file.fd(), content, 0, file.path());
  if (::fsync(file.fd().get()) != 0) {
    base::fail_errno("fsync", file.path());
  }
  FileResidency residency({&file.fd(), file.path()}, kSize);
  DroppedPages result;
  result.before = residency.count();
  ::posix_fadvise(file.fd().get(), 0, 0, POSIX_FADV_DONTNEED);
  result.after = residency.count();
  return result;
}

}  // namespace faasnap::paging
