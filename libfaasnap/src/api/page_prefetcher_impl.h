#pragma once

#include <cstddef>
#include <memory>

#include <faasnap/page_prefetcher.h>
#include <faasnap/snapshot.h>

#include "paging/prefetch_engine.h"

namespace faasnap {

// A prefetch engine, and the snapshot whose files it reads.
class PagePrefetcher::Impl {
 public:
  // As the public constructor. `guest_memory`: where guest memory is mapped according to `plan`, so
  // that what is loaded is entered into its page tables too; it must outlive the prefetcher. Null:
  // none.
  Impl(const Snapshot& snapshot, const RestorePlan& plan, std::byte* guest_memory);

  // The same as a PagePrefetcher.
  static std::unique_ptr<PagePrefetcher> make(const Snapshot& snapshot, const RestorePlan& plan,
                                              std::byte* guest_memory);

  const paging::PrefetchEngine& engine() const noexcept { return engine_; }

 private:
  Snapshot snapshot_;  // keeps the files open
  paging::PrefetchEngine engine_;
};

}  // namespace faasnap
