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
  internal_error,  // KVM could not run a vCPU on, a device failed, or guest memory could not be
                   // loaded; VM::failure() says why
  stopped,         // VM::stop
};

FAASNAP_EXPORT const char* to_string(VmState state) noexcept;

// Whether a VM in this state can never run again.
constexpr bool is_final(VmState state) noexcept {
  return state != VmState::running && state != VmState::paused;
}

}  // namespace faasnap
