#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include <faasnap/export.h>
#include <faasnap/restore_plan.h>
#include <faasnap/units.h>
#include <faasnap/vm_stats.h>

namespace faasnap {

class Snapshot;

// The memory half of a restore, without a VM: guest memory as VM::restore makes it, with the same
// plan, mappings, prefetcher and fault handler, for threads of the caller to touch in the place of
// vCPUs. Needs no KVM. Owns the memory and the threads that fill it; every member function is safe
// from any thread.
class FAASNAP_EXPORT RestoredMemory {
 public:
  // As VM::prepare: mapped and registered, nothing loaded yet. `setting`: any but warm and boot.
  RestoredMemory(const Snapshot& snapshot, Setting setting);
  RestoredMemory(const Snapshot& snapshot, const RestorePlan& plan);
  ~RestoredMemory();
  RestoredMemory(const RestoredMemory&) = delete;
  RestoredMemory& operator=(const RestoredMemory&) = delete;

  // Begins to load; with the setting reap, returns when that is done. Call once, before any byte is
  // touched.
  void start();
  // Waits until everything that the plan lists is loaded; throws the first error of it.
  void wait_loaded();
  // All of guest memory. A touch of a page that cannot be had is answered with zeros after
  // `failed()` turned true, or kills the process where the kernel answers faults (SIGBUS).
  std::span<std::byte> bytes() const noexcept;
  // Whether loading or fault handling has failed; wait_loaded() says why.
  bool failed() const noexcept;

  PrefetchStats prefetch_stats() const;
  // Mappings made over guest memory.
  std::uint64_t mappings() const noexcept;
  // `uffd_faults`, `resident` and `proportional`; there are no vCPUs to count the others of.
  VmCounters counters() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace faasnap
