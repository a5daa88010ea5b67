// SPDX-License-Identifier: Apache-2.0

#include "paging/pager.h"

#include <exception>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "memory/page_set.h"
#include "paging/failure_latch.h"
#include "paging/load_log.h"
#include "paging/loader.h"
#include "paging/page_cache/mapper.h"
#include "paging/page_cache/page_cache_loader.h"
#include "paging/plan/watched_pages.h"
#include "paging/record/access_log.h"
#include "paging/userfault/fault_server.h"
#include "paging/userfault/load_progress.h"
#include "paging/userfault/reap_loader.h"
#include "paging/userfault/stream_loader.h"
#include "paging/userfault/userfault.h"

namespace faasnap::paging {
namespace {

bool loads_anything(const RestorePlan& plan) {
  const auto* running = plan.load_if<InstallWhileRunning>();
  return !plan.reads().empty() || !plan.zero_pages().empty() ||
         (running != nullptr && !running->entries.empty());
}

}  // namespace

class Pager::Impl {
 public:
  Impl(const RestorePlan& plan, const memory::GuestMemory& memory, const SnapshotFiles& files,
       PagerCallbacks callbacks, const InstallTuning& tuning);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void start();
  void wait() const;
  bool failed() const noexcept { return failure_.failed(); }
  PrefetchStats prefetch_stats() const { return loader_ ? loader_->stats() : PrefetchStats{}; }
  std::vector<PageLoad> loads() const { return loads_.loads(); }
  std::uint64_t faults() const noexcept { return server_ ? server_->faults() : 0; }
  std::uint64_t mappings() const noexcept { return mappings_; }
  Bytes buffers() const noexcept;
  bool records() const noexcept { return log_ != nullptr; }
  std::vector<PageAccess> accesses() const;

 private:
  void handle_faults(const RestorePlan& plan, const HandledFaults& handled,
                     const SnapshotFiles& files, const InstallTuning& tuning);
  void read_into_page_cache(const ReadIntoPageCache& load, const SnapshotFiles& files);
  LoaderCallbacks loader_callbacks();
  // Calls `act`; if it throws, throws the pager's first failure instead, if there is one.
  template <typename Act>
  void throwing_first_failure(Act act) const;
  void give_up() noexcept;

  LoadLog loads_;
  const PagerCallbacks callbacks_;
  const memory::GuestMemory& memory_;
  std::uint64_t mappings_ = 0;
  FailureLatch failure_;
  HandledPages handled_;  // with faults_
  // Closed when all threads have ended, which wakes all that still wait for a page.
  std::unique_ptr<Userfault> faults_;
  std::unique_ptr<AccessLog> log_;
  std::unique_ptr<LoadProgress> progress_;  // with faults_
  std::unique_ptr<Loader> loader_;
  std::unique_ptr<FaultServer> server_;  // helps the loader, and so ends before it
};

Pager::Impl::Impl(const RestorePlan& plan, const memory::GuestMemory& memory,
                  const SnapshotFiles& files, PagerCallbacks callbacks, const InstallTuning& tuning)
    : callbacks_(std::move(callbacks)),
      memory_(memory),
      failure_(callbacks_.failed, [this] { give_up(); }) {
  if (const auto* load = plan.load_if<ReadIntoPageCache>(); load && loads_anything(plan)) {
    read_into_page_cache(*load, files);
  }
  mappings_ = apply(plan, memory, files);
  if (const HandledFaults* handled = plan.handled()) {
    handle_faults(plan, *handled, files, tuning);
  }
}

Pager::Impl::~Impl() {
  server_.reset();
  give_up();  // a thread of the loader may wait for a page, which nobody brings any more
}

void Pager::Impl::read_into_page_cache(const ReadIntoPageCache& load, const SnapshotFiles& files) {
  auto loader = std::make_unique<PageCacheLoader>(load, files, memory_.host().data(),
                                                  PageCacheTuning{}, loader_callbacks());
  PageCacheLoader& reader = *loader;
  loader_ = std::move(loader);  // before anything can fail
  if (load.begin == ReadIntoPageCache::Begin::with_restore) {
    reader.read();
  }
}

LoaderCallbacks Pager::Impl::loader_callbacks() {
  return {.failed = [this](std::exception_ptr failure) { failure_.report(std::move(failure)); },
          .present = [this](PageRange pages) { loads_.note(pages, base::monotonic_now()); },
          .settled = callbacks_.present};
}

void Pager::Impl::handle_faults(const RestorePlan& plan, const HandledFaults& handled,
                                const SnapshotFiles& files, const InstallTuning& tuning) {
  faults_ = std::make_unique<Userfault>(memory_.host());
  handled_ = handled_pages(plan, memory_.size());
  for (const PageRange& pages : handled_.watched.runs()) {
    faults_->watch(pages);
  }
  progress_ = plan_progress(plan, handled_, memory_.size(), tuning);
  if (handled.record != AccessRecording::none) {
    log_ = std::make_unique<AccessLog>(memory_.size());
  }
  StreamLoader* helped = nullptr;
  if (const auto* load = plan.load_if<InstallBeforeStart>()) {
    loader_ = std::make_unique<ReapLoader>(*load, files, *faults_, loader_callbacks());
  } else if (const auto* running = plan.load_if<InstallWhileRunning>();
             running && loads_anything(plan)) {
    auto stream =
        std::make_unique<StreamLoader>(*progress_, running->entries, handled_.unforeseen_zeros,
                                       memory_.host(), files, *faults_, loader_callbacks(), tuning);
    helped = stream.get();
    loader_ = std::move(stream);
  }
  server_ = std::make_unique<FaultServer>(handled_, files, *faults_, *progress_, helped, log_.get(),
                                          failure_, tuning);
}

// After the first failure: nothing more is loaded, and no thread waits for it.
void Pager::Impl::give_up() noexcept {
  if (loader_) {
    loader_->cancel();
  }
  if (faults_) {
    faults_->release();
    progress_->helper().signal();
  }
}

void Pager::Impl::start() {
  const Nanoseconds now = base::monotonic_now();
  loads_.start(now);
  if (log_) {
    log_->start(now);
  }
  if (loader_) {
    throwing_first_failure([this] { loader_->start(); });
  }
}

void Pager::Impl::wait() const {
  if (loader_) {
    throwing_first_failure([this] { loader_->wait(); });
  }
  failure_.rethrow();
}

template <typename Act>
void Pager::Impl::throwing_first_failure(Act act) const {
  try {
    act();
  } catch (...) {
    failure_.rethrow();  // what made the loader stop, if it was not its own failure
    throw;
  }
}

Bytes Pager::Impl::buffers() const noexcept {
  return (loader_ ? loader_->buffers() : Bytes{}) + (server_ ? server_->buffers() : Bytes{});
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
