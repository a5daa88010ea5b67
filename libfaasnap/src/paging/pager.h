// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <faasnap/page_access.h>
#include <faasnap/page_load.h>
#include <faasnap/restore_plan.h>
#include <faasnap/vm_stats.h>

#include "memory/guest_memory.h"
#include "paging/snapshot_files.h"
#include "paging/userfault/install_tuning.h"

namespace faasnap::paging {

// Callbacks of a pager. Each may be empty.
struct PagerCallbacks {
  // Loading or fault handling has failed for good. Called once, on a thread of the pager, before
  // any access that waits is woken: the callee must keep every vCPU from running on.
  std::function<void(const std::string& reason)> failed;
  // These pages have come into the page tables of guest memory. Called on a thread that answers no
  // faults: the callee may touch them although the guest may have given them back since.
  std::function<void(PageRange pages)> present;
};

// Makes guest memory what a plan says it is: maps the files, starts the fault handler and loads.
// The one entry to this floor for a restore.
//
// The constructor does everything but load. Guest memory and files must outlive the pager; the
// threads that answer faults must not touch memory that is registered with userfaultfd. Every
// member function but `start` is safe from any thread; the destructor cancels what is under way.
class Pager {
 public:
  // `memory` is as its constructor left it. `tuning` matters to plans with HandledFaults. Throws as
  // `apply` does, and ErrorKind::unsupported or ErrorKind::permission where userfaultfd cannot be
  // had.
  Pager(const RestorePlan& plan, const memory::GuestMemory& memory, const SnapshotFiles& files,
        PagerCallbacks callbacks = {}, const InstallTuning& tuning = {});
  ~Pager();
  Pager(const Pager&) = delete;
  Pager& operator=(const Pager&) = delete;

  // Begins to load; with InstallBeforeStart, returns when all is loaded, and throws the error that
  // prevented it. Call once.
  void start();
  // Waits until loading has ended; throws the first error of loading or fault handling.
  void wait() const;
  bool failed() const noexcept;

  PrefetchStats prefetch_stats() const;
  // Returns what has come into guest memory since `start`, and when.
  std::vector<PageLoad> loads() const;
  // Returns how many faults the handler has answered.
  std::uint64_t faults() const noexcept;
  // Returns how many mappings were made over guest memory.
  std::uint64_t mappings() const noexcept;
  // Returns the memory that the pager's buffers hold.
  Bytes buffers() const noexcept;
  // True if the plan says HandledFaults::record.
  bool records() const noexcept;
  // Returns the first touches that were recorded since `start`; empty if the plan does not record.
  std::vector<PageAccess> accesses() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace faasnap::paging
