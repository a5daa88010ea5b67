#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <faasnap/page_prefetcher.h>
#include <faasnap/snapshot.h>
#include <faasnap/vm.h>

#include "machine/machine.h"

namespace faasnap {

// A machine, and what the public class adds to it: the files that it came from.
class VM::Impl {
 public:
  // As VM::boot.
  explicit Impl(const VmOptions& options);
  // As VM::restore.
  Impl(const Snapshot& snapshot, const RestoreOptions& options);

  machine::Machine& machine() noexcept { return *machine_; }
  const PagePrefetcher* prefetcher() const noexcept { return prefetcher_.get(); }
  Snapshot snapshot(const std::filesystem::path& path, const SnapshotOptions& options);
  VmCounters counters() const;
  RestoreStats restore_stats() const;

 private:
  void identify_files();
  std::vector<PageRange> possibly_nonzero_pages() const;

  // Paths at first; sizes and checksums once a snapshot needs them.
  FileIdentity kernel_;
  FileIdentity initramfs_;
  FileIdentity root_image_;
  bool identified_ = false;
  // Kept open for as long as guest memory maps its files.
  std::optional<Snapshot> source_;
  std::unique_ptr<machine::Machine> machine_;
  std::unique_ptr<PagePrefetcher> prefetcher_;
  RestoreStats stats_;
  Nanoseconds restore_call_{0};
  std::mutex snapshot_mutex_;
};

}  // namespace faasnap
