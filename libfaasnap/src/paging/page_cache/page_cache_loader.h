#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <faasnap/restore_plan.h>
#include <faasnap/vm_stats.h>

#include "base/mapping.h"
#include "paging/page_cache/block_mapping.h"
#include "paging/plan/read_pieces.h"
#include "paging/snapshot_files.h"
#include "uring/ring.h"

namespace faasnap::paging {

// How the engine works; none of it changes what is loaded.
struct PageCacheTuning {
  // Bytes of one read of scattered pages, a multiple of the page size, and reads under way at once.
  Bytes piece{512ULL << 10};
  unsigned depth = 8;
  // Blocks of the loading set under way at once. More of them come later each, and what the guest
  // waits for is in the first.
  unsigned blocks = 2;
  // With guest memory given: also enter the loaded pages into its page tables, so that the guest's
  // first touch of them is no fault in the host. Zero pages are allocated with or without.
  bool populate = true;
};

// Executes a plan's reads in order on a thread of its own (FaaSnap, section 4.2: concurrent
// paging), for what they leave in the page cache. The loading set is populated block by block
// through a mapping of its file, which copies nothing; scattered pages of the memory file come by
// buffered reads, all of which land in one small scratch buffer, over and over. Both are io_uring
// requests. While the disk works, the thread enters what has come into the page tables of guest
// memory, and allocates the plan's zero pages.
//
// Made, it has its ring and its thread, and waits for `read` or `start`. The files, and the guest
// memory if given, must outlive it. Every member function is safe from any thread; the destructor
// cancels and waits for what is under way.
class PageCacheLoader {
 public:
  // Whom it tells what, on its own thread. Each may be empty.
  struct Events {
    // Loading has failed, and was not cancelled.
    std::function<void(std::exception_ptr)> failed;
    // These pages have been entered into the page tables of guest memory.
    std::function<void(PageRange pages)> present;
  };

  // `guest_memory`: where page 0 of guest memory is mapped, as the plan says; or null. Throws
  // ErrorKind::unsupported without io_uring, and ErrorKind::invalid_argument for a plan that names
  // a file that `files` lacks.
  PageCacheLoader(const ReadIntoPageCache& load, const SnapshotFiles& files,
                  std::byte* guest_memory = nullptr, const PageCacheTuning& tuning = {},
                  Events events = {});
  ~PageCacheLoader();
  PageCacheLoader(const PageCacheLoader&) = delete;
  PageCacheLoader& operator=(const PageCacheLoader&) = delete;

  // Begins to read, while guest memory is still being mapped: nothing of it is touched.
  void read();
  // Guest memory is as the plan says. Begins to read, if `read` has not.
  void start();
  // Waits until every read has ended, and throws the first error of any: a file that ends before
  // its plan does is ErrorKind::corrupt, a cancelled run ErrorKind::cancelled.
  void wait() const;
  // Begins no further read, and does not wait.
  void cancel() noexcept;
  PrefetchStats stats() const;

 private:
  // A piece under way. What cannot be populated is read, which tells why.
  struct Request {
    std::size_t piece = 0;
    bool populates = false;
    Bytes read;
    std::vector<iovec> scratch;
  };

  void run() noexcept;
  void load();
  void start_reads();
  void queue(unsigned slot);
  void complete(const uring::Completion& completion);
  bool is_finished(Request& request, std::int32_t result) const;
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
  const Events events_;
  const std::vector<ReadPiece> pieces_;
  const std::vector<PlannedEntry> entries_;
  const std::vector<PageRange> zero_runs_;

  // Of the thread alone. The ring comes last: its requests use the others.
  BlockMapping loading_set_;  // as long as it is read: mapped twice, pages count half to each
  base::Mapping scratch_;
  std::vector<Request> requests_;
  std::vector<unsigned> free_slots_;
  std::vector<bool> finished_pieces_;
  std::size_t next_piece_ = 0;
  std::size_t next_to_enter_ = 0;
  std::size_t next_zero_run_ = 0;
  std::unique_ptr<uring::Ring> ring_;

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
