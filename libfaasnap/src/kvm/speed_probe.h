// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <faasnap/units.h>

#include <cstdint>
#include <functional>

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

// Runs a counted loop in a guest of its own, for at most a third of a second, and on a host that
// takes the processor away meanwhile for at most a second and the run that is under way then.
SpeedProbe probe_speed(const System& system);

// The parts of probe_speed, apart for tests.

struct TimedRun {
  Nanoseconds elapsed{};
  // True if the kernel gave this thread's processor to another one meanwhile. What a hypervisor
  // takes from this host is not seen.
  bool preempted = false;
};

// Times what `run` does on this thread.
TimedRun time_run(const std::function<void()>& run);

// Finds the speed by `run_loop`, which times so many rounds of a loop of two instructions. The
// rounds grow until the next run would take too long: in long runs, what entering and leaving the
// guest costs counts least. A run that was preempted is made again before they grow. The fastest
// run is the result, since whatever disturbs one only makes it slower.
SpeedProbe find_speed(const std::function<TimedRun(std::uint32_t rounds)>& run_loop);

}  // namespace faasnap::kvm
