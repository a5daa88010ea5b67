// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <memory>

#include <faasnap/export.h>
#include <faasnap/worker_options.h>

namespace faasnap {

// Keeps a few workers started, confined and waiting for a VM (WorkerOptions::pool), and replaces
// those that are taken, in the background on a thread of its own. A waiting worker may get any VM,
// unlike those of a VmPool.
//
// Every member function is safe from any thread. The VMs may outlive the pool.
class FAASNAP_EXPORT WorkerPool {
 public:
  // Begins to start `size` workers, at least 1, as `options` say; its `pool` is ignored, and
  // `cgroup` and `complete` are those of each VM. Throws ErrorKind::invalid_argument if `size` is
  // 0.
  //
  // If `replace` is false, it starts these and no others, and a VM that comes while one is on its
  // way waits for it: for a caller who knows how many VMs come soon.
  WorkerPool(const WorkerOptions& options, std::size_t size, bool replace = true);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Waits until the pool is full. Throws the failure that keeps it from filling.
  void wait_full();
  // Returns the number of workers that wait.
  std::size_t ready() const;

 private:
  class Impl;
  friend class WorkerSource;
  std::unique_ptr<Impl> impl_;
};

}  // namespace faasnap
