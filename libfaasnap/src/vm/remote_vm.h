// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <faasnap/snapshot.h>
#include <faasnap/vm.h>

#include "virtio/vsock/hybrid_path.h"
#include "vm/vm_files.h"
#include "vm/vm_impl.h"
#include "worker/client.h"

namespace faasnap {

// A VM in a worker process: the worker has a LocalVm, and does with it what is asked here.
//
// The files are opened here and go to the worker as descriptors; snapshots are written here, but
// for the image and the state of the machine.
class RemoteVm final : public VM::Impl {
 public:
  // As the constructors of LocalVm. `options.worker` is set.
  RemoteVm(const VmOptions& options, BootFiles files);
  RemoteVm(const Snapshot& snapshot, const RestoreOptions& options, const RootImage& root_image,
           const std::vector<base::UniqueFd>& disks, bool prepared);

  void start() override;
  Bytes memory() const override;
  const Snapshot* source() const noexcept override { return source_ ? &*source_ : nullptr; }
  bool records_accesses() const override { return records_accesses_; }
  std::vector<PageAccess> accesses() const override;

  const GuestLimits& limits() const noexcept override { return attachments_.limits; }
  std::optional<WorkerInfo> worker() const override { return client_->info(); }
  VmState state() const override;
  std::string failure() const override;
  std::optional<VmState> wait(Nanoseconds timeout) override;
  void pause() override;
  void resume() override;
  void stop() override;
  GuestStream connect(std::uint32_t port, Nanoseconds timeout) override;
  void listen(std::uint32_t port, std::function<void(GuestStream)> accept) override;
  void write_console(std::string_view text) override;
  Snapshot snapshot(const std::filesystem::path& path, const SnapshotOptions& options) override;
  VmStats stats() const override;
  MemoryUsage memory_usage() const override;
  std::vector<PageLoad> loads() const override;
  void wait_loaded() const override;

 private:
  // Returns the final state, or nothing if `timeout` passes first.
  std::optional<VmState> wait_for_end(Nanoseconds timeout) const;
  void take(const WorkerOptions& options);
  void on_event(worker::Message message);
  void end(VmState state, const std::string& reason);
  worker::Sinks sinks() const;
  base::UniqueFd add_attachments(std::vector<int>& descriptors);
  void connect_outside(const worker::Message& message);
  CapturedMachine capture(const CaptureFiles& files, const Progress& progress);

  const VmAttachments attachments_;
  std::unique_ptr<virtio::HybridPath> vsock_path_;  // null without VmAttachments::vsock_socket
  VmSnapshots snapshots_;
  std::optional<Snapshot> source_;
  Bytes guest_memory_;
  Bytes disks_;
  unsigned vcpus_ = 0;
  bool records_accesses_ = false;
  bool prepared_ = false;
  Nanoseconds asked_{0};
  Nanoseconds total_{0};

  mutable std::mutex mutex_;
  mutable std::condition_variable ended_;
  std::optional<VmState> final_state_;
  std::string failure_;
  std::map<std::uint32_t, std::function<void(GuestStream)>> listeners_;

  // Destroyed first: its callbacks use the members above.
  std::unique_ptr<worker::Client> client_;
};

}  // namespace faasnap
