// SPDX-License-Identifier: Apache-2.0

#pragma once

namespace faasnap::worker {

// Gives this process, which has mount and pid namespaces of its own, a root directory that has
// nothing but /proc with this process alone, and the devices /dev/kvm and /dev/userfaultfd where
// the host has them. Throws if the host refuses it.
void empty_root();

}  // namespace faasnap::worker
