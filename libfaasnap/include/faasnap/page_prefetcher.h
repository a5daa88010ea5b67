// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>

#include <faasnap/export.h>
#include <faasnap/restore_plan.h>
#include <faasnap/vm_stats.h>

namespace faasnap {

class Snapshot;

// Warms a snapshot without a VM: brings the pages that a plan reads into the page cache, in the
// plan's order, on a thread of its own. VM::restore does the same by itself while
// the guest runs (FaaSnap, section 4.2: concurrent paging).
//
// Keeps the snapshot's files open, so that the snapshot may be destroyed first. The destructor
// cancels what is outstanding and waits for it. Every member function is safe from any thread.
class FAASNAP_EXPORT PagePrefetcher {
 public:
  // Starts at once.
  PagePrefetcher(const Snapshot& snapshot, const RestorePlan& plan);
  ~PagePrefetcher();
  PagePrefetcher(const PagePrefetcher&) = delete;
  PagePrefetcher& operator=(const PagePrefetcher&) = delete;

  // Waits until every read has ended. Throws the first error of any of them.
  void wait() const;
  PrefetchStats stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace faasnap
