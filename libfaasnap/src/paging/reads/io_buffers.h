// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <span>

#include <faasnap/units.h>

#include "base/files/mapping.h"

namespace faasnap::paging {

// Buffers for reads that bypass the page cache, present in memory from the start and made of huge
// pages where the kernel has them: the disk then takes one address for what would be 512, which
// makes large reads up to three times as fast.
class IoBuffers {
 public:
  IoBuffers() = default;
  // `each`: a multiple of the page size.
  IoBuffers(Bytes each, unsigned count);

  std::span<std::byte> operator[](unsigned index) const noexcept {
    return {begin_ + index * each_.value, each_.value};
  }
  // Returns the memory that the buffers hold.
  Bytes size() const noexcept { return size_; }

 private:
  base::Mapping mapping_;
  std::byte* begin_ = nullptr;
  Bytes each_;
  Bytes size_;
};

}  // namespace faasnap::paging
