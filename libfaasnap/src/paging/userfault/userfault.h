// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <faasnap/units.h>

#include "base/files/fd.h"

namespace faasnap::paging {

// An access to a missing page. The thread that made it sleeps until the page is installed or the
// thread is woken, and then tries again.
struct PageFault {
  PageIndex page;
  bool write = false;
};

// Page faults of a range of memory that this process answers itself (userfaultfd(2)), those that
// KVM takes for a guest included.
//
// The memory belongs to the caller and must stay mapped for as long as this lives; pages are
// counted from its beginning. The destructor wakes every access that waits; it then finds anonymous
// memory. Safe from any thread, except one that may itself touch a missing page.
class Userfault {
 public:
  // Watches nothing yet. Throws ErrorKind::unsupported or ErrorKind::permission, with the remedy,
  // if userfaultfd is unavailable, or not available for the faults of a guest.
  explicit Userfault(std::span<std::byte> memory);

  // Makes an access to a missing page of `pages` wait. The pages must be anonymous memory.
  void watch(PageRange pages);

  // Installs the pages, writable, with the content at `source`; all of them must be watched. Leaves
  // a page alone that is present already. Returns how many pages it has installed, and wakes the
  // threads that wait for them.
  std::uint64_t copy(PageRange pages, const std::byte* source) const;
  // The same with zeros: the pages share one page of zeros until they are written, so that a first
  // write still copies.
  std::uint64_t share_zeros(PageRange pages) const;

  // Wakes the threads that wait for one of the pages.
  void wake(PageRange pages) const;

  // Ends watching and wakes the threads that wait: they find anonymous memory, as later accesses
  // do.
  void release() const noexcept;

  // Takes up to `out.size()` faults that were not taken yet, and returns how many. Does not wait:
  // poll the descriptor for POLLIN.
  std::size_t take(std::span<PageFault> out) const;
  int get() const noexcept { return fd_.get(); }

 private:
  std::uint64_t address_of(PageIndex page) const noexcept;

  std::span<std::byte> memory_;
  base::UniqueFd fd_;
};

}  // namespace faasnap::paging
