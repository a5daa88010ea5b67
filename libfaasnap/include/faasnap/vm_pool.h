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
  // Prepared VMs that wait, and what they hold of the host's memory.
  std::size_t ready = 0;
  Bytes memory;
  // VMs given out that were prepared, and that had to be restored while the caller waited.
  std::uint64_t prepared = 0;
  std::uint64_t unprepared = 0;
  // Preparations that failed, and the reason of the last.
  std::uint64_t failures = 0;
  std::string last_failure;
};

// Keeps a few VMs of one snapshot prepared, and refills in the background on a thread of its own.
// Every member function is safe from any thread.
class FAASNAP_EXPORT VmPool {
 public:
  // Begins to prepare `size` VMs. `options.attachments.vsock_socket` must be empty, since VMs
  // cannot share it, and `size` at least 1: ErrorKind::invalid_argument otherwise.
  VmPool(const Snapshot& snapshot, const RestoreOptions& options, std::size_t size);
  ~VmPool();
  VmPool(const VmPool&) = delete;
  VmPool& operator=(const VmPool&) = delete;

  // A started VM: a prepared one, or when none is ready one restored now; its
  // stats().restore.prepared says which. Throws what VM::restore throws.
  VM take();
  // Returns once the pool is full, or throws the failure that keeps it from filling.
  void wait_full();
  VmPoolStats stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace faasnap
