// SPDX-License-Identifier: Apache-2.0

#include <faasnap/restored_memory.h>

#include <faasnap/snapshot.h>

#include "memory/guest_memory.h"
#include "memory/memory_usage.h"
#include "paging/page_cache/preload.h"
#include "paging/pager.h"
#include "snapshot/opened_snapshot.h"
#include "snapshot/snapshot_files.h"

namespace faasnap {

class RestoredMemory::Impl {
 public:
  Impl(const Snapshot& snapshot, const RestorePlan& plan)
      : snapshot_(snapshot),
        memory_(snapshot.info().memory),
        pager_(plan, memory_, files_of(opened(snapshot))) {
    if (plan.load_if<PreloadFile>() != nullptr) {
      paging::preload(plan, files_of(opened(snapshot)));
    }
  }

  const memory::GuestMemory& memory() const noexcept { return memory_; }
  paging::Pager& pager() noexcept { return pager_; }

 private:
  const Snapshot snapshot_;  // keeps the files open
  const memory::GuestMemory memory_;
  paging::Pager pager_;
};

RestoredMemory::RestoredMemory(const Snapshot& snapshot, Setting setting)
    : RestoredMemory(snapshot, snapshot.plan(setting, true)) {}

RestoredMemory::RestoredMemory(const Snapshot& snapshot, const RestorePlan& plan)
    : impl_(std::make_unique<Impl>(snapshot, plan)) {}

RestoredMemory::~RestoredMemory() = default;

void RestoredMemory::start() { impl_->pager().start(); }

void RestoredMemory::wait_loaded() { impl_->pager().wait(); }

std::span<std::byte> RestoredMemory::bytes() const noexcept { return impl_->memory().host(); }

bool RestoredMemory::failed() const noexcept { return impl_->pager().failed(); }

RestoredMemoryStats RestoredMemory::stats() const {
  const paging::Pager& pager = impl_->pager();
  return {.mappings = pager.mappings(),
          .handled_faults = pager.faults(),
          .prefetch = pager.prefetch_stats()};
}

MemoryUsage RestoredMemory::memory_usage() const {
  return memory::read_memory_usage(impl_->memory().host());
}

}  // namespace faasnap
