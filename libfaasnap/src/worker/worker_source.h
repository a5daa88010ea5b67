// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>

#include <faasnap/worker_options.h>

#include "worker/client.h"

namespace faasnap {

// Where VMs get their workers.
class WorkerSource {
 public:
  // Returns a worker that waits in the pool of `options`, or else one that is started now.
  static std::unique_ptr<worker::Client> take(const WorkerOptions& options);
};

}  // namespace faasnap
