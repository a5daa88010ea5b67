#pragma once

#include <memory>
#include <optional>

#include <faasnap/page_prefetcher.h>
#include <faasnap/snapshot.h>

#include "paging/page_cache/page_cache_loader.h"
#include "paging/pager.h"

namespace faasnap {

// Either a loader of its own, with the snapshot whose files it reads, or the loading that
// a VM's pager does.
class PagePrefetcher::Impl {
 public:
  // As the public constructor.
  Impl(const Snapshot& snapshot, const RestorePlan& plan);
  // Shows what `pager` loads; it must outlive this.
  explicit Impl(const paging::Pager& pager) : pager_(&pager) {}

  static std::unique_ptr<PagePrefetcher> of(const paging::Pager& pager);

  void wait() const;
  PrefetchStats stats() const;

 private:
  std::optional<Snapshot> snapshot_;  // keeps the files open
  std::optional<paging::PageCacheLoader> engine_;
  const paging::Pager* pager_ = nullptr;
};

}  // namespace faasnap
