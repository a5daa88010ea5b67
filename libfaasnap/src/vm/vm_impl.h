// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <faasnap/snapshot.h>
#include <faasnap/vm.h>

#include "machine/machine.h"
#include "paging/backing_check.h"
#include "paging/pager.h"
#include "paging/snapshot_files.h"

namespace faasnap {

// A machine, the files that it was made from, and the pager that brings their pages in.
class VM::Impl {
 public:
  // See VM::boot.
  explicit Impl(const VmOptions& options);
  // See VM::prepare. Says whether it comes `ahead` of the request that `start` serves, or is a part
  // of it.
  enum class Prepared { ahead, just_now };
  Impl(const Snapshot& snapshot, const RestoreOptions& options, Prepared when);
  ~Impl();

  // Starts loading and, if the options say so, the guest. May be called once, for a prepared
  // machine.
  void start();
  // Returns the host memory that it holds.
  Bytes memory() const;

  machine::Machine& machine() noexcept { return *machine_; }
  // Returns the snapshot that it was restored from. Null for a booted machine, as is the pager.
  const Snapshot* source() const noexcept { return source_ ? &*source_ : nullptr; }
  const paging::Pager* pager() const noexcept { return pager_.get(); }

  Snapshot snapshot(const std::filesystem::path& path, const SnapshotOptions& options);
  VmStats stats() const;
  MemoryUsage memory_usage() const;

 private:
  Impl() = default;
  void make_machine(const RestoreOptions& options);
  void make_pager(const RestorePlan& plan);
  void restore_state();
  RestoreStats restore_stats() const;
  // Throws the failure that has ended the machine, if one has.
  void check_machine() const;
  void identify_files();
  std::vector<PageRange> possibly_nonzero_pages() const;

  // Only the paths at first; sizes and checksums when a snapshot needs them.
  FileIdentity kernel_;
  FileIdentity initramfs_;
  FileIdentity root_image_;
  bool identified_ = false;
  // Kept open while guest memory maps its files.
  std::optional<Snapshot> source_;
  paging::SnapshotFiles files_;
  std::unique_ptr<paging::BackingCheck> backing_;
  std::unique_ptr<machine::Machine> machine_;
  std::unique_ptr<paging::Pager> pager_;
  bool run_ = false;
  RestoreStats stats_;  // without what changes after the start
  Nanoseconds asked_{0};
  std::mutex snapshot_mutex_;
};

}  // namespace faasnap
