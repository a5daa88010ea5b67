// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include <faasnap/units.h>

#include "machine/released_pages.h"
#include "memory/guest_memory.h"
#include "virtio/balloon/balloon_device.h"

namespace faasnap::machine {

// Counts the free memory that a guest reports, and gives it back to the host if wanted. For the
// event loop's thread, except as marked; `memory` must outlive it.
class FreeMemory final : public virtio::PageReleaser {
 public:
  explicit FreeMemory(const memory::GuestMemory& memory) : pages_(memory) {}

  // Sets whether free memory is given back from now on. May be called from any thread.
  void set_given_back(bool given_back) noexcept { given_back_ = given_back; }

  void release(PageRange pages) noexcept override {
    reported_ += pages.size().value;
    if (given_back_) {
      pages_.release(pages);
    }
  }

  std::vector<PageRange> released_pages() const { return pages_.pages(); }
  // May be called from any thread, both of them.
  Bytes reported() const noexcept { return {reported_.load()}; }
  Bytes released() const noexcept { return pages_.size(); }

 private:
  std::atomic<bool> given_back_ = false;
  std::atomic<std::uint64_t> reported_ = 0;
  ReleasedPages pages_;
};

}  // namespace faasnap::machine
