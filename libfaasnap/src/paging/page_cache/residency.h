// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <faasnap/units.h>

#include "base/files/mapping.h"
#include "paging/snapshot_files.h"

namespace faasnap::paging {

// Tells which pages of a file are in the page cache, by mincore(2). For one thread at a time.
//
// Touches none of them. A file system that keeps its files in memory (tmpfs) shows every written
// page as resident.
class FileResidency {
 public:
  // Watches the first `size` bytes of the file. Throws ErrorKind::permission when the kernel would
  // not tell: it answers only those who own the file or may write to it.
  FileResidency(const FileRef& file, Bytes size);

  // One byte for each page of `pages`, its lowest bit set when the page is resident; valid until
  // the next call.
  std::span<const unsigned char> query(PageRange pages);
  // How many pages are resident.
  std::uint64_t count();

  std::uint64_t pages() const noexcept { return mapping_.size().pages(); }

 private:
  base::Mapping mapping_;
  std::vector<unsigned char> answer_;
};

// Resident pages among the first `size` bytes from `offset` on, counted by cachestat(2) in time
// proportional to their number; pages that are still being read are counted too. Nothing where the
// kernel (before 6.5) or a seccomp filter has no such call, or denies it.
std::optional<std::uint64_t> cached_pages(const base::UniqueFd& file, Bytes offset, Bytes size);

}  // namespace faasnap::paging
