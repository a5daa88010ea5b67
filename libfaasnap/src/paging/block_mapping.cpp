#include "paging/block_mapping.h"

#include <sys/mman.h>

#include <faasnap/error.h>

namespace faasnap::paging {

void hint_blocks(std::span<std::byte> mapped) noexcept {
  ::madvise(mapped.data(), mapped.size(), MADV_HUGEPAGE);
}

BlockMapping::BlockMapping(const FileRef& file, Bytes end) noexcept {
  if (end.value == 0) {
    return;
  }
  try {
    mapping_ = base::Mapping::file(*file.fd, 0, end, PROT_READ, MAP_PRIVATE);
  } catch (const Error&) {
    return;
  }
  hint_blocks(mapping_.bytes());
  ::madvise(mapping_.data(), mapping_.size().value, MADV_RANDOM);
}

}  // namespace faasnap::paging
