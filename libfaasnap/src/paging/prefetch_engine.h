#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include <faasnap/restore_options.h>
#include <faasnap/restore_stats.h>

#include "paging/files.h"

namespace faasnap::paging {

// How the engine works; none of it changes what is loaded.
struct PrefetchTuning {
  // Bytes of one read, a multiple of the page size.
  Bytes piece{512ULL << 10};
  // Reads under way at once. Their buffers are `piece * depth` bytes of memory.
  unsigned depth = 8;
  // With guest memory given: also enter the loaded pages into its page tables, so that the guest's
  // first read of them is no fault in the host. They stay shared; a write still copies.
  bool populate = true;
};

// Executes a plan's reads in order on a thread of its own (FaaSnap, section 4.2: concurrent
// paging): buffered io_uring reads into a scratch buffer, for the sake of what they leave in the
// page cache.
//
// The files, and the guest memory if given, must outlive it. wait, stats and cancel are for any
// thread; the destructor cancels and waits for what is under way.
class PrefetchEngine {
 public:
  // Starts at once. `guest_memory`: where page 0 of guest memory is mapped, or null. Throws
  // ErrorKind::unsupported without io_uring, and ErrorKind::invalid_argument for a plan that names
  // a file that `files` lacks.
  PrefetchEngine(const RestorePlan& plan, const Files& files, std::byte* guest_memory = nullptr,
                 const PrefetchTuning& tuning = {});
  ~PrefetchEngine();
  PrefetchEngine(const PrefetchEngine&) = delete;
  PrefetchEngine& operator=(const PrefetchEngine&) = delete;

  // Waits until every read has ended, and throws the first error of any: a file that ends before
  // its plan does is ErrorKind::corrupt, a cancelled run ErrorKind::cancelled.
  void wait();
  // Begins no further read.
  void cancel() noexcept;
  PrefetchStats stats() const;

 private:
  class Run;
};

}  // namespace faasnap::paging
