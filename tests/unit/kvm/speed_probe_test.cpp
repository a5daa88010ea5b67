// SPDX-License-Identifier: Apache-2.0

#include "kvm/speed_probe.h"

#include <sched.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

#include "base/clock.h"
#include "kvm/tiny_guest.h"

namespace faasnap::kvm {
namespace {

using std::chrono::milliseconds;

// A host that runs this many of the guest's instructions a second and takes the processor away for
// a while in each of the first runs.
class PretendedHost {
 public:
  PretendedHost(double instructions_per_second, unsigned disturbed_runs)
      : speed_(instructions_per_second), disturbed_runs_(disturbed_runs) {}

  SpeedProbe probe() {
    return find_speed([this](std::uint32_t rounds) {
      const bool disturbed = runs_++ < disturbed_runs_;
      const Nanoseconds own(static_cast<std::int64_t>(2e9 * rounds / speed_));
      const Nanoseconds elapsed = own + (disturbed ? milliseconds(40) : milliseconds(0));
      spent_ += elapsed;
      return TimedRun{elapsed, disturbed};
    });
  }

  Nanoseconds spent() const { return spent_; }

 private:
  double speed_;
  unsigned disturbed_runs_;
  unsigned runs_ = 0;
  Nanoseconds spent_{};
};

TEST_CASE("the speed probe finds a plausible speed in less than two seconds") {
  const System system = test::open_or_skip();
  const Nanoseconds start = base::monotonic_now();
  const SpeedProbe probe = probe_speed(system);
  CHECK(base::monotonic_now() - start < std::chrono::seconds(2));
  CHECK(probe.instructions_per_second > 1e4);
  CHECK(probe.instructions_per_second < 1e12);
  CHECK(probe.usable == (probe.instructions_per_second >= kUsableInstructionsPerSecond));
}

TEST_CASE("the speed of a host is found though it takes the processor away in several runs") {
  for (const unsigned disturbed : {0U, 1U, 8U, 20U}) {
    CAPTURE(disturbed);
    PretendedHost host(100e6, disturbed);
    const SpeedProbe probe = host.probe();
    CHECK(probe.usable);
    CHECK(probe.instructions_per_second > 99e6);
    CHECK(probe.instructions_per_second < 101e6);
    CHECK(host.spent() < milliseconds(1300));
  }
}

TEST_CASE("a host that emulates is not usable, however busy it is, and the probe ends") {
  for (const unsigned disturbed : {0U, 8U, ~0U}) {
    CAPTURE(disturbed);
    PretendedHost host(5e6, disturbed);
    CHECK_FALSE(host.probe().usable);
    CHECK(host.spent() < milliseconds(1300));
  }
}

TEST_CASE("a run is known to be preempted where another thread wants its processor") {
  cpu_set_t before;
  REQUIRE(::sched_getaffinity(0, sizeof(before), &before) == 0);
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(::sched_getcpu(), &one);
  REQUIRE(::sched_setaffinity(0, sizeof(one), &one) == 0);
  std::atomic<bool> ended = false;
  std::atomic<bool> begun = false;
  std::thread other([&] {  // on the same processor: threads inherit it
    while (!ended) {
      begun = true;
    }
  });
  while (!begun) {
    std::this_thread::yield();
  }
  const TimedRun run = time_run([] {
    const Nanoseconds end = base::from_now(std::chrono::seconds(1));
    while (base::monotonic_now() < end) {
    }
  });
  ended = true;
  other.join();
  CHECK(::sched_setaffinity(0, sizeof(before), &before) == 0);
  CHECK(run.preempted);
  CHECK(run.elapsed >= std::chrono::seconds(1));
}

}  // namespace
}  // namespace faasnap::kvm
