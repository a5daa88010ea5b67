#include "paging/pager.h"

#include <atomic>
#include <exception>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "paging/failure_latch.h"
#include "paging/load_log.h"
#include "paging/page_cache/mapper.h"
#include "paging/page_cache/page_cache_loader.h"
#include "paging/plan/watched_pages.h"
#include "paging/record/access_log.h"
#include "paging/userfault/fault_server.h"
#include "paging/userfault/reap_loader.h"
#include "paging/userfault/stream_loader.h"
#include "paging/userfault/userfault.h"

namespace faasnap::paging {
class Pager::Impl {
 public:
  Impl(const RestorePlan& plan, const memory::GuestMemory& memory, const SnapshotFiles& files,
       PagerCallbacks callbacks, const InstallTuning& tuning);

  void start();
  void wait() const;
  bool failed() const noexcept { return failure_.failed(); }
  PrefetchStats prefetch_stats() const;
  std::vector<PageLoad> loads() const { return loads_.loads(); }
  std::uint64_t faults() const noexcept { return server_ ? server_->faults() : 0; }
  std::uint64_t mappings() const noexcept { return mappings_; }
  Bytes buffers() const noexcept;
  bool records() const noexcept { return log_ != nullptr; }
  std::vector<PageAccess> accesses() const;

 private:
  bool loads_anything() const noexcept {
    return !plan_.reads().empty() || !plan_.zero_pages().empty();
  }
  PagerCallbacks noting_loads(PagerCallbacks callbacks);
  void handle_faults();
  void prefetch(const ReadIntoPageCache& load);
  void load_before_start(const InstallBeforeStart& load);
  void wait_for_loader() const;
  void give_up() noexcept;

  const RestorePlan plan_;
  const SnapshotFiles files_;
  LoadLog loads_;
  const PagerCallbacks callbacks_;
  const InstallTuning tuning_;
  const memory::GuestMemory& memory_;
  std::uint64_t mappings_ = 0;
  FailureLatch failure_;
  std::atomic<bool> loaded_{false};  // whether `before_start_` is set
  PrefetchStats before_start_;
  // Closed when all threads have ended, which lets go whoever still waits for a page.
  std::unique_ptr<Userfault> faults_;
  std::unique_ptr<AccessLog> log_;
  base::EventFd wake_server_;
  // The server helps the installer, and so ends before it.
  std::unique_ptr<PageCacheLoader> prefetcher_;
  std::unique_ptr<StreamLoader> installer_;
  std::unique_ptr<FaultServer> server_;
};

Pager::Impl::Impl(const RestorePlan& plan, const memory::GuestMemory& memory,
                  const SnapshotFiles& files, PagerCallbacks callbacks, const InstallTuning& tuning)
    : plan_(plan),
      files_(files),
      callbacks_(noting_loads(std::move(callbacks))),
      tuning_(tuning),
      memory_(memory),
      failure_(callbacks_.failed, [this] { give_up(); }) {
  const auto* load = plan_.load_if<ReadIntoPageCache>();
  if (load != nullptr && loads_anything()) {
    prefetch(*load);
  }
  mappings_ = apply(plan, memory, files);
  if (plan_.handled() != nullptr) {
    handle_faults();
  }
}

PagerCallbacks Pager::Impl::noting_loads(PagerCallbacks callbacks) {
  callbacks.present = [this, present = std::move(callbacks.present)](PageRange pages) {
    loads_.note(pages, base::monotonic_now());
    if (present) {
      present(pages);
    }
  };
  return callbacks;
}

void Pager::Impl::handle_faults() {
  faults_ = std::make_unique<Userfault>(memory_.host());
  const std::vector<PageRange> watched = watched_pages(plan_, memory_.size());
  for (const PageRange& pages : watched) {
    faults_->watch(pages);
  }
  if (plan_.handled()->record) {
    log_ = std::make_unique<AccessLog>(memory_.size());
  }
  if (plan_.load_if<InstallWhileRunning>() != nullptr && loads_anything()) {
    installer_ = std::make_unique<StreamLoader>(
        plan_, memory_.host(), watched, files_, *faults_, failure_,
        StreamLoader::Events{callbacks_.present, [this] { wake_server_.signal(); }}, tuning_);
  }
  server_ = std::make_unique<FaultServer>(plan_, watched, files_, *faults_, wake_server_,
                                          installer_.get(), log_.get(), failure_, tuning_);
}

void Pager::Impl::prefetch(const ReadIntoPageCache& load) {
  prefetcher_ = std::make_unique<PageCacheLoader>(
      load, files_, memory_.host().data(), PageCacheTuning{},
      PageCacheLoader::Events{
          [this](const std::exception_ptr& failure) { failure_.report(failure); },
          callbacks_.present});
  if (load.begin == ReadIntoPageCache::Begin::with_restore) {
    prefetcher_->read();
  }
}

// After the first failure: nothing more is loaded, and nobody waits for it.
void Pager::Impl::give_up() noexcept {
  if (prefetcher_) {
    prefetcher_->cancel();
  }
  if (installer_) {
    installer_->cancel();
  }
  if (faults_) {
    faults_->release();
  }
  wake_server_.signal();
}

void Pager::Impl::start() {
  const Nanoseconds now = base::monotonic_now();
  loads_.start(now);
  if (log_) {
    log_->start(now);
  }
  if (prefetcher_) {
    prefetcher_->start();
  }
  if (installer_) {
    installer_->start();
    wake_server_.signal();
  }
  if (const auto* load = plan_.load_if<InstallBeforeStart>()) {
    load_before_start(*load);
  }
}

void Pager::Impl::load_before_start(const InstallBeforeStart& load) {
  try {
    before_start_ = load_reap_set(load, files_, *faults_, callbacks_.present);
    loaded_ = true;
  } catch (...) {
    failure_.report(std::current_exception());
    throw;
  }
}

void Pager::Impl::wait_for_loader() const {
  if (prefetcher_) {
    prefetcher_->wait();
  }
  if (installer_) {
    installer_->wait();
  }
}

void Pager::Impl::wait() const {
  try {
    wait_for_loader();
  } catch (...) {
    failure_.rethrow();  // what made the loader stop, if it was not its own
    throw;
  }
  failure_.rethrow();
}

PrefetchStats Pager::Impl::prefetch_stats() const {
  if (prefetcher_) {
    return prefetcher_->stats();
  }
  if (installer_) {
    return installer_->stats();
  }
  return loaded_ ? before_start_ : PrefetchStats{};
}

Bytes Pager::Impl::buffers() const noexcept {
  Bytes total;
  if (installer_) {
    total += installer_->buffers();
  }
  if (server_) {
    total += server_->buffers();
  }
  return total;
}

std::vector<PageAccess> Pager::Impl::accesses() const {
  return log_ ? log_->accesses() : std::vector<PageAccess>{};
}

Pager::Pager(const RestorePlan& plan, const memory::GuestMemory& memory, const SnapshotFiles& files,
             PagerCallbacks callbacks, const InstallTuning& tuning)
    : impl_(std::make_unique<Impl>(plan, memory, files, std::move(callbacks), tuning)) {}

Pager::~Pager() = default;

void Pager::start() { impl_->start(); }

void Pager::wait() const { impl_->wait(); }

bool Pager::failed() const noexcept { return impl_->failed(); }

PrefetchStats Pager::prefetch_stats() const { return impl_->prefetch_stats(); }

std::vector<PageLoad> Pager::loads() const { return impl_->loads(); }

std::uint64_t Pager::faults() const noexcept { return impl_->faults(); }

std::uint64_t Pager::mappings() const noexcept { return impl_->mappings(); }

Bytes Pager::buffers() const noexcept { return impl_->buffers(); }

bool Pager::records() const noexcept { return impl_->records(); }

std::vector<PageAccess> Pager::accesses() const { return impl_->accesses(); }

}  // namespace faasnap::paging
