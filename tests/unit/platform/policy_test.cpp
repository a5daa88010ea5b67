// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch_test_macros.hpp>

#include "policy/demand.h"
#include "policy/retry.h"

namespace platform {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("nothing is prepared for a function that nobody calls") {
  Demand demand;
  const Demand::Clock::time_point begin{};
  CHECK(demand.target(begin, 4) == 0);
  demand.start(begin);
  CHECK(demand.target(begin + seconds(59), 4) == 2);
  CHECK(demand.target(begin + seconds(60), 4) == 0);
}

TEST_CASE("more is prepared the more starts there are, up to the limit") {
  Demand demand;
  const Demand::Clock::time_point begin{};
  for (int i = 0; i < 180; ++i) {
    demand.start(begin + milliseconds(i * 100));
  }
  CHECK(demand.target(begin + seconds(18), 100) == 4);
  CHECK(demand.target(begin + seconds(18), 3) == 3);
  CHECK(demand.target(begin + seconds(18), 0) == 0);
}

TEST_CASE("each repetition waits twice as long as the one before, up to an hour") {
  CHECK(pause_before_retry(1, seconds(60)) == seconds(60));
  CHECK(pause_before_retry(2, seconds(60)) == seconds(120));
  CHECK(pause_before_retry(3, seconds(60)) == seconds(240));
  CHECK(pause_before_retry(100, seconds(60)) == seconds(3600));
  CHECK(pause_before_retry(5, seconds(0)) == seconds(0));
}

TEST_CASE("Retry-After is when those that wait are served, from 1 to 30 seconds") {
  CHECK(retry_after(0, 4, milliseconds(10)) == seconds(1));
  CHECK(retry_after(7, 2, seconds(1)) == seconds(4));
  CHECK(retry_after(8, 2, seconds(1)) == seconds(5));
  CHECK(retry_after(1000, 1, seconds(1)) == seconds(30));
  CHECK(retry_after(1, 0, seconds(1)) == seconds(2));
}

}  // namespace platform
