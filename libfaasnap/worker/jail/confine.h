// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <faasnap/worker_options.h>

#include "jail/filters.h"

namespace faasnap::worker {

// Takes from this process whatever a VM does not need; see docs/reference/worker.md for the parts.
// Must be called before there is another thread. `socket` is the connection to the process that
// started it, `namespaces` says that it has its own. Returns what was had, and what the host
// refused; throws if a part fails that every host has.
WorkerInfo confine(int socket, bool namespaces);

}  // namespace faasnap::worker
