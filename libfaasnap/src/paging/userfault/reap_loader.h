// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <span>
#include <vector>

#include <faasnap/restore_plan.h>
#include <faasnap/vm_stats.h>

#include "base/files/mapping.h"
#include "paging/loader.h"
#include "paging/plan/read_pieces.h"
#include "paging/snapshot_files.h"
#include "paging/userfault/userfault.h"

namespace faasnap::paging {

// Loads in the way of REAP (Ustiugov et al., ASPLOS '21), on the thread that calls `start`: reads
// the whole set into a buffer of its own, past the page cache, and only then installs it in watched
// guest memory, page by page in the plan's order. Holds no memory except while it loads.
class ReapLoader final : public Loader {
 public:
  // Opens nothing yet: `start` throws the error of a file, and ErrorKind::corrupt for one that ends
  // early.
  ReapLoader(const InstallBeforeStart& load, const SnapshotFiles& files, const Userfault& faults,
             LoaderCallbacks callbacks = {});

  void start() override;
  // Returns at once: `start` has waited.
  void wait() const override;
  void cancel() noexcept override { cancelled_ = true; }
  PrefetchStats stats() const override;

 private:
  PrefetchStats load() const;
  // Installs what `piece` has of `content`, to which its `begins` refer.
  void install_singly(const ReadPiece& piece, std::span<const std::byte> content) const;
  void check_cancelled() const;

  const std::vector<ReadPiece> pieces_;
  const SnapshotFiles files_;
  const Userfault& faults_;
  const LoaderCallbacks callbacks_;
  std::atomic<bool> cancelled_{false};

  mutable std::mutex mutex_;
  std::exception_ptr failure_;
  PrefetchStats stats_;
};

}  // namespace faasnap::paging
