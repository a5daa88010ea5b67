// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <vector>

#include <faasnap/page_access.h>
#include <faasnap/snapshot.h>
#include <faasnap/vm.h>

#include "base/random.h"

namespace faasnap {

// The operation in errors.
inline constexpr const char* kRestore = "restore virtual machine";

// What `VM` and `PreparedVM` need of a machine, wherever it is. Member functions that are not
// described here are those of VM, with the same rules; the destructor must not throw.
class VM::Impl {
 public:
  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  virtual ~Impl() = default;

  // Starts loading and, if the options say so, the guest. Must be called once.
  virtual void start() = 0;
  // Returns the host memory that a prepared VM holds.
  virtual Bytes memory() const = 0;
  // Returns the snapshot that it was restored from, null for a booted VM.
  virtual const Snapshot* source() const noexcept = 0;
  // True if first touches of guest memory are recorded.
  virtual bool records_accesses() const = 0;
  // Returns the first touches that were recorded since `start`. Throws the failure of loading or of
  // answering faults, if there was one.
  virtual std::vector<PageAccess> accesses() const = 0;

  // See VM::id.
  const std::string& id() const noexcept { return id_; }

  virtual std::optional<WorkerInfo> worker() const = 0;
  virtual VmState state() const = 0;
  virtual std::string failure() const = 0;
  virtual std::optional<VmState> wait(Nanoseconds timeout) = 0;
  virtual void pause() = 0;
  virtual void resume() = 0;
  virtual void stop() = 0;
  virtual GuestStream connect(std::uint32_t port, Nanoseconds timeout) = 0;
  virtual void listen(std::uint32_t port, std::function<void(GuestStream)> accept) = 0;
  virtual void write_console(std::string_view text) = 0;
  virtual const GuestLimits& limits() const noexcept = 0;
  virtual Snapshot snapshot(const std::filesystem::path& path, const SnapshotOptions& options) = 0;
  virtual VmStats stats() const = 0;
  virtual MemoryUsage memory_usage() const = 0;
  virtual std::vector<PageLoad> loads() const = 0;
  virtual void wait_loaded() const = 0;

 private:
  const std::string id_ = base::random_id();
};

}  // namespace faasnap
