#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <faasnap/units.h>

#include "base/fd.h"

namespace faasnap::paging {

// An access to a page that is not there. Whoever made it sleeps until the page is installed, or
// until it is woken, and then tries again.
struct PageFault {
  PageIndex page;
  bool write = false;
};

// Whether those who wait for pages are let go as soon as the pages are there.
enum class Wake { now, later };

// Page faults of a range of memory that this process answers itself (userfaultfd(2)), those that
// KVM takes for a guest included.
//
// Memory belongs to the caller and must stay mapped for as long as this lives; pages are counted
// from its beginning. When this is destroyed, every access that waits goes on, and finds anonymous
// memory. Safe from any thread, but never to be used by a thread that itself waits for a page.
class Userfault {
 public:
  // Answers nothing yet. Throws ErrorKind::unsupported or ErrorKind::permission, with the remedy,
  // where userfaultfd cannot be had, or not for the faults of a guest.
  explicit Userfault(std::span<std::byte> memory);

  // From now on an access to one of `pages` that is not there waits. The pages must be anonymous
  // memory.
  void watch(PageRange pages);

  // Make the pages present and writable, with the content at `source` or with zeros; all of them
  // must be watched. A page that is there already is left alone. Each returns how many pages it has
  // installed. With Wake::later the caller owes a `wake`.
  std::uint64_t copy(PageRange pages, const std::byte* source, Wake wake = Wake::now) const;
  // The pages share one page of zeros until they are written: a first write still copies.
  std::uint64_t share_zeros(PageRange pages, Wake wake = Wake::now) const;

  // Lets everybody go who waits for one of the pages.
  void wake(PageRange pages) const;

  // Ends watching: everybody who waits goes on, and finds anonymous memory, as later accesses do.
  void release() const;

  // Takes up to `out.size()` faults that have not been taken yet, and returns how many. Does not
  // wait: poll the descriptor for POLLIN.
  std::size_t take(std::span<PageFault> out) const;
  int get() const noexcept { return fd_.get(); }

 private:
  std::uint64_t address_of(PageIndex page) const noexcept;

  std::span<std::byte> memory_;
  base::UniqueFd fd_;
};

}  // namespace faasnap::paging
