// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <faasnap/export.h>
#include <faasnap/restore_plan.h>
#include <faasnap/units.h>
#include <faasnap/vm_stats.h>

namespace faasnap {

class Snapshot;

// How restored memory is doing: everything that costs little to ask.
struct RestoredMemoryStats {
  // Number of mappings made over guest memory.
  std::uint64_t mappings = 0;
  // Number of faults that the library's own handler answered (userfaultfd).
  std::uint64_t handled_faults = 0;
  PrefetchStats prefetch;
};

// The memory half of a restore, without a VM: guest memory as VM::restore makes it, with the same
// plan, mappings, loader and fault handler, for threads of the caller to touch in the place of
// vCPUs. Needs no KVM.
//
// Owns the memory and the threads that fill it, and keeps the snapshot's files open, so that the
// snapshot may be destroyed first. Every member function is safe from any thread.
class FAASNAP_EXPORT RestoredMemory {
 public:
  // Maps and registers memory, as VM::prepare does; nothing is loaded yet. Throws
  // ErrorKind::unsupported or ErrorKind::permission if the plan needs userfaultfd and the host
  // refuses it.
  RestoredMemory(const Snapshot& snapshot, Setting setting);
  RestoredMemory(const Snapshot& snapshot, const RestorePlan& plan);
  ~RestoredMemory();
  RestoredMemory(const RestoredMemory&) = delete;
  RestoredMemory& operator=(const RestoredMemory&) = delete;

  // Begins to load; with Setting::reap, returns when everything is loaded. Call once, before any
  // byte is touched.
  void start();
  // Waits until everything that the plan lists is loaded. Throws the first error of loading.
  void wait_loaded();
  // Returns all of guest memory. If a page is unavailable, a touch of it reads zeros after failed()
  // has turned true, or kills the process where the kernel answers faults (SIGBUS).
  std::span<std::byte> bytes() const noexcept;
  // True if loading or fault handling has failed; wait_loaded() throws the reason.
  bool failed() const noexcept;

  RestoredMemoryStats stats() const;
  // Returns what the memory takes of the host's. Costs what VM::memory_usage costs.
  MemoryUsage memory_usage() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace faasnap
