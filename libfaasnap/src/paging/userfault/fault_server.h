// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <thread>
#include <vector>

#include <faasnap/page_access.h>

#include "base/files/mapping.h"
#include "paging/failure_latch.h"
#include "paging/plan/watched_pages.h"
#include "paging/reads/direct_file.h"
#include "paging/reads/read_queue.h"
#include "paging/record/access_log.h"
#include "paging/userfault/install_tuning.h"
#include "paging/userfault/load_progress.h"
#include "paging/userfault/stream_loader.h"
#include "paging/userfault/userfault.h"

namespace faasnap::paging {

// Answers the faults of watched guest memory on a thread of its own: pages that the memory file has
// data for with that data, all others with zeros. Several reads are under way at once. A page that
// the loader is about to install is left to it, and between faults the thread helps the loader.
// Around a miss, neighbours come along: for what a round trip costs, a few pages more cost next to
// nothing.
//
// It serves from its construction on. What it is given must outlive it. Every member function is
// safe from any thread.
class FaultServer {
 public:
  // `handled`: what `faults` watches, and which pages have data. `progress`: what is being loaded;
  // its helper() wakes the thread. `helped` is null if nothing is installed while the guest runs,
  // `log` if the plan does not record.
  FaultServer(const HandledPages& handled, const SnapshotFiles& files, const Userfault& faults,
              LoadProgress& progress, StreamLoader* helped, AccessLog* log, FailureLatch& failure,
              const InstallTuning& tuning = {});
  ~FaultServer();
  FaultServer(const FaultServer&) = delete;
  FaultServer& operator=(const FaultServer&) = delete;

  // Returns how many faults the thread has taken up.
  std::uint64_t faults() const noexcept { return taken_; }
  Bytes buffers() const noexcept { return reads_.buffers(); }

 private:
  // Pages that are read from the memory file of a layer.
  struct Read {
    PageRange pages{};
    std::uint32_t layer = 0;
  };

  void run() noexcept;
  void serve();
  void wait_for_events() const;
  bool answer_faults();
  void answer_deferred();
  void answer(const PageFault& fault);
  void install_zeros(const PageFault& fault, PageRange pages) const;
  void install_zeros_around(const PageFault& fault) const;
  PageRange watched_run(PageIndex page) const;
  bool is_lacking(PageIndex page) const;
  bool under_way(PageIndex page) const;
  void start_reads();
  PageRange to_read_for(PageIndex page) const;
  std::uint32_t layer_of(PageIndex page) const;
  bool is_in(PageIndex page, std::uint32_t layer) const;
  void install(const Read& read, const std::byte* data) const;
  void copy(PageRange pages, const std::byte* data) const;

  const HandledPages& handled_;
  const Userfault& faults_;
  LoadProgress& progress_;
  StreamLoader* const helped_;
  AccessLog* const log_;
  FailureLatch& failure_;
  const InstallTuning tuning_;
  const std::vector<DirectFile> files_;  // the memory files, by layer
  const base::Mapping zeros_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> taken_{0};

  // Used by the thread alone.
  ReadQueue reads_;
  std::vector<Read> reading_;        // by slot of `reads_`; no pages if nothing is read there
  std::deque<PageIndex> backlog_;    // misses that wait for a slot
  std::vector<PageFault> deferred_;  // until the part that brings their page is installed

  std::thread thread_;
};

}  // namespace faasnap::paging
