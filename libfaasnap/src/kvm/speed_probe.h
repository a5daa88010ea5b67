// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "kvm/system.h"

namespace faasnap::kvm {

// How fast this host's KVM runs a guest's own instructions.
struct SpeedProbe {
  double instructions_per_second = 0;
  // True if the rate is at least kUsableInstructionsPerSecond: a stock Linux guest boots in
  // seconds.
  bool usable = false;
};

// Lies between a KVM that emulates instruction by instruction (a few million a second) and one that
// runs a guest on an emulated processor (the lab, some hundred million).
inline constexpr double kUsableInstructionsPerSecond = 30e6;

// Runs a counted loop in a guest of its own, for at most a third of a second.
SpeedProbe probe_speed(const System& system);

}  // namespace faasnap::kvm
