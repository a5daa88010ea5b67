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
#include "vm/vm_files.h"
#include "vm/vm_impl.h"

namespace faasnap {

// A VM in this process: a machine, the files that it was made from, and the pager that brings their
// pages in.
class LocalVm final : public VM::Impl {
 public:
  // See VM::boot.
  LocalVm(const VmOptions& options, BootFiles files);
  // See VM::prepare. `prepared` says whether it comes ahead of the request that `start` serves, or
  // is a part of it.
  // `disks` are the files from make_disk_files.
  LocalVm(const Snapshot& snapshot, const RestoreOptions& options, RootImage root_image,
          std::vector<base::UniqueFd> disks, bool prepared);
  ~LocalVm() override;

  void start() override;
  Bytes memory() const override;
  const Snapshot* source() const noexcept override { return source_ ? &*source_ : nullptr; }
  bool records_accesses() const override { return pager_ && pager_->records(); }
  std::vector<PageAccess> accesses() const override;

  std::optional<WorkerInfo> worker() const override { return std::nullopt; }
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

  // See Machine::serve_socket. Call before start.
  void serve_socket(base::UniqueFd listener, virtio::VsockDevice::ConnectOutside connect) {
    machine_->serve_socket(std::move(listener), std::move(connect));
  }
  // See Machine::connect.
  void connect(std::uint32_t port, base::UniqueFd stream,
               std::function<void(std::exception_ptr)> done);
  // Saves the machine for a snapshot; it is paused meanwhile. Throws as VM::snapshot.
  CapturedMachine capture(const CaptureFiles& files, const Progress& progress);
  Bytes guest_memory() const noexcept { return machine_->shape().memory; }

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

  // Delegated to, so that the destructor runs if a constructor throws.
  LocalVm(const SnapshotInfo& source, const FileIdentity& root_image)
      : snapshots_(source, root_image) {}
  void make_machine(const RestoreOptions& options, RootImage root_image,
                    std::vector<base::UniqueFd> disks);
  // Writes the content of the disks besides the root disk. The machine is paused.
  format::ImageTable capture_disks(const CaptureFiles& files, const Progress& progress);
  void make_pager(const RestorePlan& plan);
  void restore_state(MonotonicClock clock);
  RestoreStats restore_stats() const;
  // Throws the failure that has ended the machine, if one has.
  void check_machine() const;
  // Throws if memory is not, or no longer, what the guest has left there. Called with pages that
  // cannot be read, and with none when all have been read. `path` is the image that is being made.
  void check_saved_memory(const std::filesystem::path& path, PageRange unreadable) const;
  std::vector<PageRange> possibly_nonzero_pages() const;

  VmSnapshots snapshots_;
  // Kept open while guest memory maps its files.
  std::optional<Snapshot> source_;
  paging::SnapshotFiles files_;
  std::unique_ptr<paging::BackingCheck> backing_;
  std::unique_ptr<machine::Machine> machine_;
  std::unique_ptr<paging::Pager> pager_;  // null for a booted machine
  bool run_ = false;
  RestoreStats stats_;  // without what changes after the start
  Nanoseconds asked_{0};
  std::mutex pausing_;  // guards what follows, and the machine's pause and resume
  bool shall_run_ = false;
  unsigned holds_ = 0;
};

}  // namespace faasnap
