// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <faasnap/units.h>

namespace faasnap {

// What one guest may make its host spend. Plain data; the defaults suit a function. A guest that
// goes beyond a limit loses what the limit is about, and nobody else does.

// The output of the serial console.
struct ConsoleLimits {
  // Bytes a second, and how many at once after a silence. Output beyond them is dropped, and a line
  // of the console says how much was.
  Bytes per_second = 64_KiB;
  Bytes burst = 1_MiB;
};

// All limits of a VM.
struct GuestLimits {
  ConsoleLimits console{};
  // Maximum number of vsock connections at a time, in both directions and including those that are
  // closing; each takes one or two descriptors of the process. A further one is refused.
  unsigned connections = 128;
};

}  // namespace faasnap
