#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include <faasnap/restore_plan.h>
#include <faasnap/vm_stats.h>

#include "base/mapping.h"
#include "paging/failure_latch.h"
#include "paging/plan/read_pieces.h"
#include "paging/plan/watched_pages.h"
#include "paging/reads/direct_file.h"
#include "paging/reads/io_buffers.h"
#include "paging/snapshot_files.h"
#include "paging/userfault/install_queue.h"
#include "paging/userfault/install_tuning.h"
#include "paging/userfault/page_lookup.h"
#include "paging/userfault/userfault.h"
#include "uring/ring.h"

namespace faasnap::paging {

// Loads what a plan lists into watched guest memory while the guest runs: reads with O_DIRECT into
// huge-page buffers on a thread of its own and copies from there (UFFDIO_COPY), page runs in the
// plan's order; zero pages in theirs, also where nothing is watched. In the end all other watched
// zero pages get the kernel's shared one, so that it answers the guest's first write, and no
// handler. Installing is shared with any thread that calls `help`.
//
// Made, it has its buffers, its ring and its thread, and waits for `start`. `faults`, `failure` and
// the functions must outlive it. Every member function is safe from any thread.
class StreamLoader {
 public:
  struct Events {
    // These pages are in guest memory now; on every thread that installs.
    std::function<void(PageRange pages)> present;
    // There is more to install than the engine's own thread is about to.
    std::function<void()> help_wanted;
  };

  // `plan` has HandledFaults with InstallWhileRunning. `watched`: what `faults` watches of the
  // `guest_memory`. Throws ErrorKind::unsupported without
  // io_uring, ErrorKind::invalid_argument for a plan that loads a page twice, makes one zero that
  // has data, or names a file that `files` lacks.
  StreamLoader(const RestorePlan& plan, std::span<std::byte> guest_memory,
               std::span<const PageRange> watched, const SnapshotFiles& files,
               const Userfault& faults, FailureLatch& failure, Events events,
               const InstallTuning& tuning = {});
  ~StreamLoader();
  StreamLoader(const StreamLoader&) = delete;
  StreamLoader& operator=(const StreamLoader&) = delete;

  void start();
  // Installs one part, zero pages first; false when there is nothing to install at the moment.
  bool help();
  // How far the part that brings `page` has come; nothing when the plan does not load the page.
  std::optional<PartState> state_of(PageIndex page) const;

  void cancel() noexcept { queue_.cancel(); }
  // Waits until loading has ended; throws the first error of it, ErrorKind::cancelled for a
  // cancelled one.
  void wait() const { queue_.wait(); }
  PrefetchStats stats() const;
  Bytes buffers() const noexcept { return buffers_.size(); }

 private:
  // A piece under way.
  struct Request {
    std::size_t part = 0;
    Bytes done;
  };

  void run() noexcept;
  void load();
  void start_reads();
  void queue_read(unsigned buffer);
  void complete(const uring::Completion& completion);
  void install_piece(InstallWork work);
  void install_zeros(InstallWork work);
  void populate_zeros(PageRange pages) const;
  void share_unforeseen_zeros() const;
  void step() const;
  const DirectFile& file_of(const ReadPiece& piece) const;

  const std::span<std::byte> guest_memory_;
  const std::vector<ReadPiece> pieces_;
  const std::vector<ZeroStretch> zeros_;
  const std::vector<PageRange> unforeseen_zeros_;
  const PageLookup lookup_;
  const Userfault& faults_;
  FailureLatch& failure_;
  const Events events_;
  const InstallTuning tuning_;
  std::vector<std::optional<DirectFile>> files_;  // by Backing

  IoBuffers buffers_;
  base::Mapping zero_source_;
  InstallQueue queue_;
  std::vector<Request> requests_;      // by buffer; of the engine's thread
  std::unique_ptr<uring::Ring> ring_;  // of the engine's thread; its requests use the others
  std::thread thread_;
};

}  // namespace faasnap::paging
