// SPDX-License-Identifier: Apache-2.0

#include "replay/trace/recording.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <stdexcept>

#include "bench/replay/small_trace.h"

namespace faasnap::bench::test {

TEST_CASE("a perfect recording has every access", "[recording]") {
  CHECK(perfect_recording(small_trace()).accesses == small_trace().accesses);
}

TEST_CASE("an imperfect recording misses as many pages with data as asked for", "[recording]") {
  const auto left = perfect_recording(small_trace(), 3).accesses;
  CHECK(left.size() == 3);
  CHECK(std::count_if(left.begin(), left.end(),
                      [](const PageAccess& access) { return access.zero; }) == 2);
  CHECK_THROWS_AS(perfect_recording(small_trace(), 5), std::invalid_argument);
}

TEST_CASE("a recording of another invocation says of its pages what the replayed image says",
          "[recording]") {
  Trace replayed = small_trace();
  replayed.nonzero = {{{0}, 4}};
  const auto accesses = recording_of(small_trace(), replayed).accesses;

  REQUIRE(accesses.size() == small_trace().accesses.size());
  for (const PageAccess& access : accesses) {
    CHECK(access.zero == (access.page.value >= 4));
  }
}

TEST_CASE("a recording of a guest of another size is refused", "[recording]") {
  Trace replayed = small_trace();
  replayed.memory += Bytes{kPageSize};
  CHECK_THROWS_AS(recording_of(small_trace(), replayed), std::invalid_argument);
}

TEST_CASE("groups are 1024 pages with data in order, as runs by address", "[recording]") {
  Recording recording;
  for (std::uint64_t page = 1500; page > 0; --page) {
    recording.accesses.push_back({{page}, Nanoseconds(0), false, page == 1400});
  }
  const auto groups = groups_of(recording);

  // 1500 down to 476 without 1400, then the rest.
  REQUIRE(groups.size() == 2);
  CHECK(groups[0] == WorkingSet::Group{{{476}, 924}, {{1401}, 100}});
  CHECK(groups[1] == WorkingSet::Group{{{1}, 475}});
}

}  // namespace faasnap::bench::test
