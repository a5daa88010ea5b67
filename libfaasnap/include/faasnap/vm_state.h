// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <faasnap/export.h>

namespace faasnap {

// What a VM is doing.
enum class VmState {
  running,
  paused,
  powered_off,     // the guest asked for power-off
  reset,           // the guest asked for a reset
  panicked,        // the guest's kernel panicked
  triple_fault,    // a vCPU shut down
  internal_error,  // KVM failed to run a vCPU, a device failed, or guest memory is unavailable;
                   // VM::failure() says why
  stopped,         // VM::stop ended the guest
};

// Returns the name of the enumerator, "powered_off" for example.
FAASNAP_EXPORT const char* to_string(VmState state) noexcept;

// True if a VM in this state never runs again.
constexpr bool is_final(VmState state) noexcept {
  return state != VmState::running && state != VmState::paused;
}

}  // namespace faasnap
