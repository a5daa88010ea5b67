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
#include "snapshot/image_identity.h"
#include "vm/vm_impl.h"

namespace faasnap {

// A VM in this process: a machine, the files that it was made from, and the pager that brings their
// pages in.
class LocalVm final : public VM::Impl {
 public:
  // See VM::boot.
  explicit LocalVm(const VmOptions& options);
  // See VM::prepare. Says whether it comes `ahead` of the request that `start` serves, or is a part
  // of it.
  enum class Prepared { ahead, just_now };
  LocalVm(const Snapshot& snapshot, const RestoreOptions& options, Prepared when);
  ~LocalVm() override;

  void start() override;
  Bytes memory() const override;
  const Snapshot* source() const noexcept override { return source_ ? &*source_ : nullptr; }
  bool records_accesses() const override { return pager_ && pager_->records(); }
  std::vector<PageAccess> accesses() const override;

  VmState state() const override { return machine_->state(); }
  std::string failure() const override { return machine_->failure(); }
  std::optional<VmState> wait(Nanoseconds timeout) override { return machine_->wait(timeout); }
  // While something holds the VM paused, these only say whether it runs afterwards.
  void pause() override;
  void resume() override;
  void stop() override { machine_->stop(); }
  GuestStream connect(std::uint32_t port, Nanoseconds timeout) override;
  void listen(std::uint32_t port, std::function<void(GuestStream)> accept) override;
  void write_console(std::string_view text) override { machine_->type(text); }
  const GuestLimits& limits() const noexcept override { return machine_->limits(); }
  Snapshot snapshot(const std::filesystem::path& path, const SnapshotOptions& options) override;
  VmStats stats() const override;
  MemoryUsage memory_usage() const override;
  std::vector<PageLoad> loads() const override;
  void wait_loaded() const override;

 private:
  // Holds the VM paused, whatever its callers ask for meanwhile. Any number may exist at a time.
  class Hold {
   public:
    // Throws as VM::pause.
    explicit Hold(LocalVm& vm);
    ~Hold();
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    LocalVm& vm_;
  };

  LocalVm() = default;
  void make_machine(const RestoreOptions& options);
  void make_pager(const RestorePlan& plan);
  void restore_state(MonotonicClock clock);
  RestoreStats restore_stats() const;
  // Throws the failure that has ended the machine, if one has.
  void check_machine() const;
  // See SnapshotContents::check_memory; `path` is the snapshot that is being made.
  void check_saved_memory(const std::filesystem::path& path, PageRange unreadable) const;
  void identify_files();
  std::vector<PageRange> possibly_nonzero_pages() const;

  // Of a booted VM, only the paths at first; sizes and checksums when a snapshot needs them.
  FileIdentity kernel_;
  FileIdentity initramfs_;
  FileIdentity root_image_;
  bool identified_ = false;
  // The files that were booted from, as they were then.
  struct BootFile {
    FileIdentity* identity;
    FileStamp stamp;
  };
  std::vector<BootFile> boot_files_;
  // Kept open while guest memory maps its files.
  std::optional<Snapshot> source_;
  paging::SnapshotFiles files_;
  std::unique_ptr<paging::BackingCheck> backing_;
  std::unique_ptr<machine::Machine> machine_;
  std::unique_ptr<paging::Pager> pager_;  // null for a booted machine
  bool run_ = false;
  RestoreStats stats_;  // without what changes after the start
  Nanoseconds asked_{0};
  std::mutex snapshot_mutex_;
  std::mutex pausing_;  // guards what follows, and the machine's pause and resume
  bool shall_run_ = false;
  unsigned holds_ = 0;
};

}  // namespace faasnap
