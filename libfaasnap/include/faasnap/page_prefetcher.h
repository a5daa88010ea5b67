#pragma once

#include <memory>

#include <faasnap/export.h>
#include <faasnap/restore_plan.h>
#include <faasnap/vm_stats.h>

namespace faasnap {

class Snapshot;

// Brings the pages that a plan lists into the page cache, in order, with io_uring, on a thread of
// its own, while the guest already runs (FaaSnap, section 4.2: concurrent paging).
//
// VM::restore makes one where the setting asks for it. Made by hand, it warms a snapshot without a
// VM. The destructor cancels what is outstanding and waits for it.
class FAASNAP_EXPORT PagePrefetcher {
 public:
  // Starts at once. Throws ErrorKind::unsupported without io_uring.
  PagePrefetcher(const Snapshot& snapshot, const RestorePlan& plan);
  ~PagePrefetcher();
  PagePrefetcher(const PagePrefetcher&) = delete;
  PagePrefetcher& operator=(const PagePrefetcher&) = delete;

  // Waits until every read has ended; throws the first error of any of them.
  void wait() const;
  // Safe from any thread.
  PrefetchStats stats() const;

 private:
  friend class VM;
  class Impl;
  explicit PagePrefetcher(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace faasnap
