// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>

#include <faasnap/worker_options.h>
#include <faasnap/worker_pool.h>

namespace faasnap::cli {

// Returns a worker for one VM, which begins to start now, beside what is done before the VM is
// made. Further VMs with these options start their own.
inline WorkerOptions started_worker() {
  return {.pool = std::make_shared<WorkerPool>(WorkerOptions{}, 1, false)};
}

}  // namespace faasnap::cli
