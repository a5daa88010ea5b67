#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include <faasnap/restore_plan.h>
#include <faasnap/vm_stats.h>

#include "base/mapping.h"
#include "paging/loader.h"
#include "paging/plan/read_pieces.h"
#include "paging/plan/watched_pages.h"
#include "paging/reads/direct_file.h"
#include "paging/reads/read_queue.h"
#include "paging/snapshot_files.h"
#include "paging/userfault/install_queue.h"
#include "paging/userfault/install_tuning.h"
#include "paging/userfault/page_lookup.h"
#include "paging/userfault/userfault.h"

namespace faasnap::paging {

// Loads what a plan lists into watched guest memory while the guest runs: reads with O_DIRECT into
// huge-page buffers on a thread of its own and copies from there (UFFDIO_COPY), page runs in the
// plan's order; zero pages in theirs, also where nothing is watched. In the end all other watched
// zero pages get the kernel's shared one, so that it answers the guest's first write, and no
// handler. Installing is shared with any thread that calls `help`.
//
// Made, it has its buffers, its ring and its thread, and waits for `start`.
class StreamLoader final : public Loader {
 public:
  // `plan` has HandledFaults with InstallWhileRunning. `watched`: what `faults` watches of
  // `guest_memory`. `help_wanted` is called when there is more to install than the loader's own
  // thread is about to. Throws ErrorKind::unsupported without io_uring, and
  // ErrorKind::invalid_argument for a plan that loads a page twice, makes one zero that has data,
  // or names a file that `files` lacks.
  StreamLoader(const RestorePlan& plan, std::span<std::byte> guest_memory,
               std::span<const PageRange> watched, const SnapshotFiles& files,
               const Userfault& faults, LoaderCallbacks callbacks,
               std::function<void()> help_wanted = {}, const InstallTuning& tuning = {});
  ~StreamLoader() override;

  void start() override;
  // Installs one part, zero pages first; false when there is nothing to install at the moment.
  bool help();
  // How far the part that brings `page` has come; nothing when the plan does not load the page.
  std::optional<PartState> state_of(PageIndex page) const;

  void wait() const override { queue_.wait(); }
  void cancel() noexcept override { queue_.cancel(); }
  PrefetchStats stats() const override;
  Bytes buffers() const noexcept override { return reads_.buffers(); }

 private:
  void run() noexcept;
  void load();
  void start_reads();
  void finish_read(unsigned buffer);
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
  const LoaderCallbacks callbacks_;
  const std::function<void()> help_wanted_;
  const InstallTuning tuning_;
  std::vector<std::optional<DirectFile>> files_;  // by Backing

  base::Mapping zero_source_;
  InstallQueue queue_;
  ReadQueue reads_;                          // of the loader's thread, but for the buffers
  std::vector<std::size_t> part_in_buffer_;  // of the loader's thread
  std::thread thread_;
};

}  // namespace faasnap::paging
