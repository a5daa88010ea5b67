// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>

#include <faasnap/vm_state.h>

namespace faasnap::base {

// Returns the reason of errors that come from a guest's end: "the guest has ended: internal_error:
// a worker was killed". `failure` is that of VM::failure, and may be empty.
std::string describe_end(VmState state, std::string_view failure);

}  // namespace faasnap::base
