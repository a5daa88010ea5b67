// SPDX-License-Identifier: Apache-2.0

#pragma once

namespace faasnap::worker {

// Gives up every capability, for good, and the means to get others (no_new_privs).
void drop_privileges();

// Makes the kernel kill this process when the thread that started it ends. `socket` is the
// connection to it; if that has ended already, this does not return.
void die_with_parent(int socket);

}  // namespace faasnap::worker
