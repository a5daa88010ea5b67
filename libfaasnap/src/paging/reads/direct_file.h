// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

#include <faasnap/units.h>

#include "base/files/fd.h"
#include "paging/snapshot_files.h"

namespace faasnap::paging {

// Opens the file of `fd` anew so that reads of it bypass the page cache (O_DIRECT). Returns nothing
// where the file system does not allow that, or this process has no way to open it.
base::UniqueFd open_directly(const base::UniqueFd& fd) noexcept;

// A file of a snapshot, for reads that bypass the page cache where that is possible; the caller's
// own descriptor stays as it is. Buffers, offsets and lengths must
// be multiples of the page size.
class DirectFile {
 public:
  DirectFile() = default;
  // Throws ErrorKind::invalid_argument if `file` has no descriptor.
  explicit DirectFile(const FileRef& file);

  const base::UniqueFd& fd() const noexcept { return fd_; }
  // True if reads bypass the page cache.
  bool direct() const noexcept { return direct_; }
  FileRef ref() const { return {&fd_, path_}; }

 private:
  std::filesystem::path path_;
  base::UniqueFd fd_;
  bool direct_ = false;
};

// Returns how many bytes a read of `file` up to `end` has brought, in whole pages; zero if it was
// interrupted and is to be tried again. `result` is the read's count or a negative errno value.
// Throws the read's error, and ErrorKind::corrupt for a file that ends before `end`.
Bytes check_read(std::int64_t result, const FileRef& file, Bytes end);

}  // namespace faasnap::paging
