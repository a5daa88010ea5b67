// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include <faasnap/units.h>

#include "memory/guest_memory.h"

namespace faasnap::machine {

// Gives pages of guest memory back to the host and remembers them, so that a snapshot can leave out
// their content.
//
// Drops the memory of a page (MADV_DONTNEED) and keeps its mapping: afterwards anonymous memory
// reads zero, a private file mapping shows the file again, and memory that is registered with a
// fault handler is filled anew. Each of these suits a page that the guest has given up, and none
// needs a new mapping.
//
// For one thread at a time, except as marked; `memory` must outlive it.
class ReleasedPages {
 public:
  explicit ReleasedPages(const memory::GuestMemory& memory) : memory_(memory) {}

  // `pages` lie in the memory. The guest may run but must not use them. Returns false, and
  // remembers nothing, if the kernel keeps them, as it does for memory locked with mlock(2).
  bool release(PageRange pages) noexcept;
  // Returns all pages released so far, sorted and merged. Those that the guest has used since are
  // in the host's page tables again (memory::touched_pages).
  std::vector<PageRange> pages() const;
  // Returns the number of bytes released, repeated releases included. May be called from any
  // thread.
  Bytes size() const noexcept { return {size_.load()}; }

 private:
  const memory::GuestMemory& memory_;
  // One bit for each page of memory; empty before the first release.
  std::vector<bool> released_;
  std::atomic<std::uint64_t> size_ = 0;
};

}  // namespace faasnap::machine
