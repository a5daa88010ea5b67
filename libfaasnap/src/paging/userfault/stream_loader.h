// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include <faasnap/restore_plan.h>
#include <faasnap/vm_stats.h>

#include "base/files/mapping.h"
#include "memory/page_set.h"
#include "paging/loader.h"
#include "paging/plan/watched_pages.h"
#include "paging/reads/block_buffers.h"
#include "paging/reads/direct_file.h"
#include "paging/reads/read_queue.h"
#include "paging/snapshot_files.h"
#include "paging/userfault/install_tuning.h"
#include "paging/userfault/load_progress.h"
#include "paging/userfault/userfault.h"

namespace faasnap::paging {

// Returns what is to be installed of a plan that has InstallWhileRunning; nothing for other plans
// with HandledFaults. `handled`: the handled_pages of the plan and `memory`. Throws
// ErrorKind::invalid_argument for a plan that loads a page twice, or makes one zero that has data.
std::unique_ptr<LoadProgress> plan_progress(const RestorePlan& plan, const HandledPages& handled,
                                            Bytes memory, const InstallTuning& tuning);

// Loads into watched guest memory while the guest runs: reads with O_DIRECT into huge-page buffers
// on a thread of its own and copies from there (UFFDIO_COPY), page runs in the plan's order; zero
// pages in theirs, also where nothing is watched. While no data has come it enters pages of mapped
// files. In the end all other watched zero pages get the kernel's shared one, so that it answers
// the guest's first write, and no handler. Installing is shared with one other thread, which calls
// `help`; each of the two decompresses the blocks of a compressed set that it installs, while the
// next ones are being read.
//
// The constructor makes the buffers, the ring and the thread, which waits for `start`.
class StreamLoader final : public Loader {
 public:
  // Installs what `progress` lists into `guest_memory`, enters `entries`, and at last shares the
  // `unforeseen` zero pages. Throws ErrorKind::invalid_argument for a read of a file that `files`
  // lacks.
  StreamLoader(LoadProgress& progress, std::vector<PlannedEntry> entries,
               const memory::PageSet& unforeseen, std::span<std::byte> guest_memory,
               const SnapshotFiles& files, const Userfault& faults, LoaderCallbacks callbacks,
               const InstallTuning& tuning = {});
  ~StreamLoader() override;

  void start() override;
  // Installs one part, zero pages first. Returns false if there is nothing to install at the
  // moment. For one thread.
  bool help();
  void wait() const override { progress_.wait(); }
  void cancel() noexcept override { progress_.cancel(); }
  PrefetchStats stats() const override;
  Bytes buffers() const noexcept override { return reads_.buffers() + blocks_.size(); }

 private:
  void run() noexcept;
  void load();
  void start_reads();
  void finish_read(unsigned buffer);
  // Those that install, each with a buffer for the content of a block.
  enum Installer : unsigned { kLoader, kHelper, kInstallers };

  void install_piece(InstallWork work, Installer installer);
  void install_zeros(InstallWork work);
  void enter_some();
  void share_unforeseen_zeros() const;
  void settle();
  void step() const;
  const DirectFile& file_of(const ReadPiece& piece) const;

  LoadProgress& progress_;
  const std::vector<PlannedEntry> entries_;
  std::size_t next_entry_ = 0;  // of the loader's thread
  const memory::PageSet& unforeseen_zeros_;
  const std::span<std::byte> guest_memory_;
  const Userfault& faults_;
  const LoaderCallbacks callbacks_;
  const InstallTuning tuning_;
  std::vector<std::optional<DirectFile>> files_;  // by Backing
  base::Mapping zero_source_;
  const BlockBuffers blocks_;
  ReadQueue reads_;                          // of the loader's thread, but for the buffers
  std::vector<std::size_t> part_in_buffer_;  // of the loader's thread
  std::thread thread_;
};

}  // namespace faasnap::paging
