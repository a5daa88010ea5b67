// SPDX-License-Identifier: Apache-2.0

#include "replay/player.h"

#include <catch2/catch_test_macros.hpp>

#include "bench/replay/small_trace.h"
#include "replay/content.h"
#include "replay/scratch_memory.h"

namespace faasnap::bench::test {
namespace {

struct Rig {
  Rig() { fill_image(memory.bytes(), trace.nonzero); }

  Trace trace = small_trace();
  ScratchMemory memory{trace.memory};
  ExpectedMemory expected{trace};
};

}  // namespace

TEST_CASE("a played trace leaves its memory as it must be", "[player]") {
  Rig rig;
  CHECK(rig.expected.first_difference(rig.memory.bytes(), false) == PageIndex{0});

  const Played played = play(make_steps(rig.trace, {}), rig.memory.bytes());

  CHECK(played.wrong == 0);
  CHECK(rig.expected.first_difference(rig.memory.bytes(), false) == std::nullopt);
  CHECK(rig.expected.first_difference(rig.memory.bytes(), true) == std::nullopt);
}

TEST_CASE("one wrong byte is found wherever it is", "[player]") {
  Rig rig;
  play(make_steps(rig.trace, {}), rig.memory.bytes());
  for (std::uint64_t page = 0; page < rig.trace.memory.pages(); ++page) {
    std::byte& byte = rig.memory.bytes()[page * kPageSize + kPageSize - 1];
    byte ^= std::byte{1};
    CHECK(rig.expected.first_difference(rig.memory.bytes(), false) == PageIndex{page});
    byte ^= std::byte{1};
  }
}

TEST_CASE("touched pages alone are compared where that is asked for", "[player]") {
  Rig rig;
  play(make_steps(rig.trace, {}), rig.memory.bytes());
  rig.memory.bytes()[PageIndex{15}.offset().value] = std::byte{1};
  CHECK(rig.expected.first_difference(rig.memory.bytes(), true) == std::nullopt);
  rig.memory.bytes()[PageIndex{9}.offset().value] ^= std::byte{1};
  CHECK(rig.expected.first_difference(rig.memory.bytes(), true) == PageIndex{9});
}

TEST_CASE("a touch that finds zeros in the place of data is wrong", "[player]") {
  const Trace trace = small_trace();
  const ScratchMemory empty(trace.memory);
  // Pages 3, 4, 9 and 2.
  CHECK(play(make_steps(trace, {}), empty.bytes()).wrong == 4);
}

TEST_CASE("compute takes at least its time, spread over all touches", "[player]") {
  Rig rig;
  const Nanoseconds total = std::chrono::milliseconds(6);
  const auto steps = make_steps(rig.trace, {total});

  CHECK(steps.front().gap == total / 6);
  CHECK(play(steps, rig.memory.bytes()).duration >= total);
}

TEST_CASE("first touches of anonymous memory are counted as faults", "[player]") {
  const Trace trace = small_trace();
  const ScratchMemory empty(trace.memory);
  const Played played = play(make_steps(trace, {}), empty.bytes());
  CHECK(played.minor_faults + played.major_faults >= 1);
}

}  // namespace faasnap::bench::test
