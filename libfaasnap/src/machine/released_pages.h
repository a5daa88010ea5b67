#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include <faasnap/units.h>

#include "memory/guest_memory.h"

namespace faasnap::machine {

// Gives pages of guest memory back to the host, and remembers which, so that a snapshot can leave
// out what was behind them.
//
// Dropped is what the host keeps of a page (MADV_DONTNEED), not how its place is mapped: anonymous
// memory reads as zero afterwards, a private mapping of a file shows the file again, and memory
// that is registered with a fault handler is filled anew by the handler. All of that is right for a
// page that the guest has given up, and it needs no mapping of its own.
//
// For one thread at a time, except as marked; `memory` must outlive it.
class ReleasedPages {
 public:
  explicit ReleasedPages(const memory::GuestMemory& memory) : memory_(memory) {}

  // `pages` lie in the memory. The guest may run, but must not be using them. False, and nothing is
  // remembered, when the kernel keeps them: memory locked with mlock(2) is.
  bool release(PageRange pages) noexcept;
  // All that were released so far, sorted and merged. Those that the guest has used since are in
  // the host's page tables again (memory::touched_pages).
  std::vector<PageRange> pages() const;
  // Bytes released, repeated releases counted again. Safe from any thread.
  Bytes size() const noexcept { return {size_.load()}; }

 private:
  const memory::GuestMemory& memory_;
  // A bit for each page of memory; empty before the first release.
  std::vector<bool> released_;
  std::atomic<std::uint64_t> size_ = 0;
};

}  // namespace faasnap::machine
