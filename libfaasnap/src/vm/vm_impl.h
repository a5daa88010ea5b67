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

// A machine, and what the public class adds to it: the files that it came from, and what brings
// their pages in.
class VM::Impl {
 public:
  // As VM::boot.
  explicit Impl(const VmOptions& options);
  // As VM::prepare, `ahead` of the request that `start` serves, or as a part of it.
  enum class Prepared { ahead, just_now };
  Impl(const Snapshot& snapshot, const RestoreOptions& options, Prepared when);
  ~Impl();

  // Begins to load, and lets the guest go where the options said so. Once, for a machine that was
  // prepared.
  void start();
  // What it holds of the host's memory.
  Bytes memory() const;

  machine::Machine& machine() noexcept { return *machine_; }
  // The snapshot that it was restored from; null for a booted one, as is the pager.
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

  // Paths at first; sizes and checksums once a snapshot needs them.
  FileIdentity kernel_;
  FileIdentity initramfs_;
  FileIdentity root_image_;
  bool identified_ = false;
  // Kept open for as long as guest memory maps its files.
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
