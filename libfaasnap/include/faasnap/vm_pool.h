// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <faasnap/export.h>
#include <faasnap/restore_options.h>
#include <faasnap/units.h>
#include <faasnap/vm.h>

namespace faasnap {

class Snapshot;

// What a pool has and has done.
struct VmPoolStats {
  // Number of prepared VMs that wait, and what they hold of the host's memory.
  std::size_t ready = 0;
  Bytes memory;
  // Number of VMs given out that were prepared, and of those that were restored while the caller
  // waited.
  std::uint64_t prepared = 0;
  std::uint64_t unprepared = 0;
  // Number of preparations that failed, and the reason of the last one.
  std::uint64_t failures = 0;
  std::string last_failure;
};

// Keeps a few VMs of one snapshot prepared (VM::prepare), and replaces those that are taken, in the
// background on a thread of its own. Each waiting VM costs its threads and a few MiB.
//
// Every member function is safe from any thread. The VMs that were taken may outlive the pool, and
// the pool may outlive `snapshot`.
class FAASNAP_EXPORT VmPool {
 public:
  // Begins to prepare `size` VMs, at least 1, each restored as `options` say. Throws
  // ErrorKind::invalid_argument if `size` is 0, or if `options.attachments.vsock_socket` is not
  // empty, since VMs cannot share a socket.
  VmPool(const Snapshot& snapshot, const RestoreOptions& options, std::size_t size);
  ~VmPool();
  VmPool(const VmPool&) = delete;
  VmPool& operator=(const VmPool&) = delete;

  // Returns a started VM: a prepared one, or one restored now if none is ready;
  // VmStats::restore.prepared says which. Throws what VM::restore throws.
  VM take();
  // Waits until the pool is full. Throws the failure that keeps it from filling.
  void wait_full();
  VmPoolStats stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace faasnap
