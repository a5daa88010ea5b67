#include <faasnap/page_prefetcher.h>

#include "api/page_prefetcher_impl.h"
#include "api/snapshot_files.h"

namespace faasnap {

PagePrefetcher::Impl::Impl(const Snapshot& snapshot, const RestorePlan& plan,
                           std::byte* guest_memory)
    : snapshot_(snapshot), engine_(plan, files_of(snapshot_.impl()), guest_memory) {}

std::unique_ptr<PagePrefetcher> PagePrefetcher::Impl::make(const Snapshot& snapshot,
                                                           const RestorePlan& plan,
                                                           std::byte* guest_memory) {
  return std::unique_ptr<PagePrefetcher>(
      new PagePrefetcher(std::make_unique<Impl>(snapshot, plan, guest_memory)));
}

PagePrefetcher::PagePrefetcher(const Snapshot& snapshot, const RestorePlan& plan)
    : impl_(std::make_unique<Impl>(snapshot, plan, nullptr)) {}

PagePrefetcher::PagePrefetcher(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}

PagePrefetcher::~PagePrefetcher() = default;

void PagePrefetcher::wait() { impl_->engine().wait(); }

PrefetchStats PagePrefetcher::stats() const { return impl_->engine().stats(); }

}  // namespace faasnap
