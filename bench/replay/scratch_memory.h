// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <faasnap/units.h>

#include <cstddef>
#include <span>

namespace faasnap::bench {

// Owns anonymous memory of the guest's size, zero at first.
class ScratchMemory {
 public:
  // Throws std::system_error.
  explicit ScratchMemory(Bytes size);
  ~ScratchMemory();
  ScratchMemory(const ScratchMemory&) = delete;
  ScratchMemory& operator=(const ScratchMemory&) = delete;

  std::span<std::byte> bytes() const noexcept { return {static_cast<std::byte*>(start_), size_}; }

 private:
  std::size_t size_;
  void* start_;
};

}  // namespace faasnap::bench
