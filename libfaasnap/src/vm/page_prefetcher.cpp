#include <faasnap/page_prefetcher.h>

#include "snapshot/snapshot_files.h"
#include "vm/page_prefetcher_impl.h"

namespace faasnap {

PagePrefetcher::Impl::Impl(const Snapshot& snapshot, const RestorePlan& plan)
    : snapshot_(snapshot) {
  engine_.emplace(ReadIntoPageCache{.reads = {plan.reads().begin(), plan.reads().end()}},
                  files_of(opened(snapshot)));
  engine_->start();
}

std::unique_ptr<PagePrefetcher> PagePrefetcher::Impl::of(const paging::Pager& pager) {
  return std::unique_ptr<PagePrefetcher>(new PagePrefetcher(std::make_unique<Impl>(pager)));
}

void PagePrefetcher::Impl::wait() const {
  if (engine_) {
    engine_->wait();
  } else {
    pager_->wait();
  }
}

PrefetchStats PagePrefetcher::Impl::stats() const {
  return engine_ ? engine_->stats() : pager_->prefetch_stats();
}

PagePrefetcher::PagePrefetcher(const Snapshot& snapshot, const RestorePlan& plan)
    : impl_(std::make_unique<Impl>(snapshot, plan)) {}

PagePrefetcher::PagePrefetcher(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}

PagePrefetcher::~PagePrefetcher() = default;

void PagePrefetcher::wait() const { impl_->wait(); }

PrefetchStats PagePrefetcher::stats() const { return impl_->stats(); }

}  // namespace faasnap
