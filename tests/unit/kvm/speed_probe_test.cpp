// SPDX-License-Identifier: Apache-2.0

#include "kvm/speed_probe.h"

#include <chrono>

#include "base/clock.h"
#include "kvm/tiny_guest.h"

namespace faasnap::kvm {
namespace {

TEST_CASE("the speed probe finds a plausible speed in less than two seconds") {
  const System system = test::open_or_skip();
  const Nanoseconds start = base::monotonic_now();
  const SpeedProbe probe = probe_speed(system);
  CHECK(base::monotonic_now() - start < std::chrono::seconds(2));
  CHECK(probe.instructions_per_second > 1e4);
  CHECK(probe.instructions_per_second < 1e12);
  CHECK(probe.usable == (probe.instructions_per_second >= kUsableInstructionsPerSecond));
}

}  // namespace
}  // namespace faasnap::kvm
