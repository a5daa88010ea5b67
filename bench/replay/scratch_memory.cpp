// SPDX-License-Identifier: Apache-2.0

#include "replay/scratch_memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <system_error>

namespace faasnap::bench {

ScratchMemory::ScratchMemory(Bytes size)
    : size_(size.value),
      start_(::mmap(nullptr, size_, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {
  if (start_ == MAP_FAILED) {
    throw std::system_error(errno, std::generic_category(), "mmap");
  }
}

ScratchMemory::~ScratchMemory() { ::munmap(start_, size_); }

}  // namespace faasnap::bench
