// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include <faasnap/restore_plan.h>
#include <faasnap/vm_stats.h>

#include "paging/loader.h"
#include "paging/page_cache/block_mapping.h"
#include "paging/plan/read_pieces.h"
#include "paging/reads/read_queue.h"
#include "paging/snapshot_files.h"

namespace faasnap::paging {

// How a PageCacheLoader works; none of it changes what is loaded.
struct PageCacheTuning {
  // Bytes of one read of scattered pages, a multiple of the page size, and reads under way at once.
  Bytes piece{512ULL << 10};
  unsigned depth = 8;
  // Blocks of the loading set under way at once. With more of them each arrives later, and the
  // first has what the guest waits for.
  unsigned blocks = 2;
  // If true and guest memory is given, the loaded pages are also entered into its page tables, so
  // that the guest's first touch of them is no fault in the host. Zero pages are allocated in any
  // case.
  bool populate = true;
};

// Does the reads of a plan in order, on a thread of its own (FaaSnap, section 4.2: concurrent
// paging), for what they leave in the page cache. The loading set is populated block by block
// through a mapping of its file, which copies nothing; scattered pages of the memory file come by
// buffered reads. While the disk works, the thread enters what has come into the page tables of
// guest memory, and allocates the plan's zero pages.
//
// The constructor makes the ring and the thread, which waits for `read` or `start`.
class PageCacheLoader final : public Loader {
 public:
  // `guest_memory`: where page 0 of guest memory is mapped; null if there is no guest. Throws
  // ErrorKind::invalid_argument for a read of a file that `files` lacks.
  PageCacheLoader(const ReadIntoPageCache& load, const SnapshotFiles& files,
                  std::byte* guest_memory = nullptr, const PageCacheTuning& tuning = {},
                  LoaderCallbacks callbacks = {});
  ~PageCacheLoader() override;

  // Begins to read, while guest memory is still being mapped: touches nothing of it.
  void read();
  void start() override;
  // A file that ends before its plan does is ErrorKind::corrupt.
  void wait() const override;
  void cancel() noexcept override;
  PrefetchStats stats() const override;

 private:
  void run() noexcept;
  void load();
  void start_reads();
  void finish(std::size_t piece);
  void enter_finished();
  bool allocate_zero_pages();
  void enter_planned(PageRange pages) const;
  void enter(PageRange pages, int advice) const;
  void wait_until_reading();
  void wait_until_started();
  bool started() const;
  bool cancelled() const;
  const FileRef& file_of(const ReadPiece& piece) const;

  const SnapshotFiles files_;
  std::byte* const guest_memory_;
  const PageCacheTuning tuning_;
  const LoaderCallbacks callbacks_;
  const std::vector<ReadPiece> pieces_;
  const std::vector<PlannedEntry> entries_;
  const std::vector<PageRange> zero_runs_;

  // Used by the thread alone.
  BlockMapping loading_set_;  // as long as it is read: mapped twice, pages count half to each
  std::vector<bool> finished_pieces_;
  std::size_t next_piece_ = 0;
  std::size_t next_to_enter_ = 0;
  std::size_t next_zero_run_ = 0;
  ReadQueue reads_;
  std::vector<std::size_t> piece_in_slot_;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool reading_ = false;
  bool started_ = false;
  bool cancelled_ = false;
  std::exception_ptr failure_;
  PrefetchStats stats_;

  std::thread thread_;
};

}  // namespace faasnap::paging
