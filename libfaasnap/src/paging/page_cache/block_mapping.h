// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <span>

#include <faasnap/units.h>

#include "base/files/mapping.h"
#include "paging/snapshot_files.h"

namespace faasnap::paging {

// The blocks in which a file is brought into the page cache: a huge page of x86-64, and the largest
// folio of its file systems.
inline constexpr Bytes kBlock{2ULL << 20};

// Asks that a fault on this mapping of a file reads the block around it, as one folio where the
// file system can (madvise(2), MADV_HUGEPAGE, which for files steers read-ahead; with MADV_RANDOM,
// and only then, no further block is read along). A disk fills a folio of 2 MiB in one go, where
// small pages are 512 addresses. Without effect where the kernel has no huge pages.
void hint_blocks(std::span<std::byte> mapped);

// A mapping of a file that is populated block by block. Empty, which is not an error, if the file
// cannot be mapped.
class BlockMapping {
 public:
  BlockMapping() noexcept = default;
  // Maps the bytes of `file` up to `end`.
  BlockMapping(const FileRef& file, Bytes end);

  explicit operator bool() const noexcept { return static_cast<bool>(mapping_); }
  std::span<std::byte> at(Bytes offset, Bytes length) const {
    return mapping_.bytes().subspan(offset.value, length.value);
  }

 private:
  base::Mapping mapping_;
};

}  // namespace faasnap::paging
