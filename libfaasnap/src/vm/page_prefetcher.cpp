// SPDX-License-Identifier: Apache-2.0

#include <faasnap/page_prefetcher.h>

#include <faasnap/snapshot.h>

#include "paging/page_cache/page_cache_loader.h"
#include "snapshot/opened_snapshot.h"
#include "snapshot/snapshot_files.h"

namespace faasnap {

class PagePrefetcher::Impl {
 public:
  Impl(const Snapshot& snapshot, const RestorePlan& plan)
      : snapshot_(snapshot),
        loader_(ReadIntoPageCache{.reads = {plan.reads().begin(), plan.reads().end()}},
                files_of(opened(snapshot))) {
    loader_.start();
  }

  const paging::PageCacheLoader& loader() const noexcept { return loader_; }

 private:
  const Snapshot snapshot_;  // keeps the files open
  paging::PageCacheLoader loader_;
};

PagePrefetcher::PagePrefetcher(const Snapshot& snapshot, const RestorePlan& plan)
    : impl_(std::make_unique<Impl>(snapshot, plan)) {}

PagePrefetcher::~PagePrefetcher() = default;

void PagePrefetcher::wait() const { impl_->loader().wait(); }

PrefetchStats PagePrefetcher::stats() const { return impl_->loader().stats(); }

}  // namespace faasnap
