// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <exception>
#include <functional>

#include <faasnap/units.h>
#include <faasnap/vm_stats.h>

namespace faasnap::paging {

// What a loader reports, on the threads that load. Each may be empty.
struct LoaderCallbacks {
  // Loading has failed, and was not cancelled. Called once.
  std::function<void(std::exception_ptr failure)> failed{};
  // These pages have just come into the page tables of guest memory. Must not touch guest memory:
  // the thread may be the one that answers faults, or be in the middle of what a fault waits for.
  std::function<void(PageRange pages)> present{};
  // The same pages, when all that came with them is installed. Called on a thread of the loader's
  // own, which may wait for a fault of guest memory here.
  std::function<void(PageRange pages)> settled{};

  // Reports pages that came with no others, on a thread of the loader's own.
  void entered(PageRange pages) const {
    if (present) {
      present(pages);
    }
    if (settled) {
      settled(pages);
    }
  }
};

// Brings the pages that a plan lists to where the guest finds them, ahead of its touches: one
// implementation for each kind of load that a RestorePlan can have. What a loader is given must
// outlive it. Every member function but `start` is safe from any thread; the destructor cancels and
// waits for what is under way.
class Loader {
 public:
  Loader() = default;
  virtual ~Loader() = default;
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  // Begins to load into guest memory, which is mapped and watched as the plan says. A loader that
  // loads before the guest starts returns when all is loaded, and throws the error that prevented
  // it. Call once.
  virtual void start() = 0;
  // Waits until loading has ended. Throws its first error, and ErrorKind::cancelled if it was
  // cancelled.
  virtual void wait() const = 0;
  // Begins nothing more. Does not wait.
  virtual void cancel() noexcept = 0;
  virtual PrefetchStats stats() const = 0;
  // Returns the memory that the loader's buffers hold.
  virtual Bytes buffers() const noexcept { return {}; }
};

}  // namespace faasnap::paging
