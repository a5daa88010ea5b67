// SPDX-License-Identifier: Apache-2.0

#include "paging/page_cache/block_mapping.h"

#include <sys/mman.h>

#include <cerrno>

#include <faasnap/error.h>

#include "base/error.h"

namespace faasnap::paging {

void hint_blocks(std::span<std::byte> mapped) {
  // EINVAL: a kernel without huge pages.
  if (::madvise(mapped.data(), mapped.size(), MADV_HUGEPAGE) != 0 && errno != EINVAL) {
    base::fail_errno("madvise(MADV_HUGEPAGE) loading set");
  }
}

BlockMapping::BlockMapping(const FileRef& file, Bytes end) {
  if (end.value == 0) {
    return;
  }
  try {
    mapping_ = base::Mapping::file(*file.fd, 0, end, PROT_READ, MAP_PRIVATE);
  } catch (const Error&) {
    return;
  }
  hint_blocks(mapping_.bytes());
  if (::madvise(mapping_.data(), mapping_.size().value, MADV_RANDOM) != 0) {
    base::fail_errno("madvise(MADV_RANDOM) loading set", file.path);
  }
}

}  // namespace faasnap::paging
