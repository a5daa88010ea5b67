// SPDX-License-Identifier: Apache-2.0

#include "base/vm_state.h"

#include <fmt/format.h>

namespace faasnap {

const char* to_string(VmState state) noexcept {
  switch (state) {
    case VmState::running:
      return "running";
    case VmState::paused:
      return "paused";
    case VmState::powered_off:
      return "powered_off";
    case VmState::reset:
      return "reset";
    case VmState::panicked:
      return "panicked";
    case VmState::triple_fault:
      return "triple_fault";
    case VmState::internal_error:
      return "internal_error";
    case VmState::stopped:
      return "stopped";
  }
  return "unknown";
}

namespace base {

std::string describe_end(VmState state, std::string_view failure) {
  return fmt::format("the guest has ended: {}{}{}", to_string(state), failure.empty() ? "" : ": ",
                     failure);
}

}  // namespace base

}  // namespace faasnap
