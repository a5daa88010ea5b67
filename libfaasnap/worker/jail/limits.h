// SPDX-License-Identifier: Apache-2.0

#pragma once

namespace faasnap::worker {

// Sets what this process may have of the host: descriptors for as many connections as a guest may
// have, no core file, which would hold the guest's memory, and files no longer than the image of
// the largest guest.
void set_limits();

}  // namespace faasnap::worker
