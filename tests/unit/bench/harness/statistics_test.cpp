// SPDX-License-Identifier: Apache-2.0

#include "harness/statistics.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

namespace faasnap::bench::test {

TEST_CASE("quantiles are samples, by the nearest rank", "[statistics]") {
  const std::vector<double> samples{5, 1, 4, 2, 3};
  CHECK(quantile(samples, 0) == 1);
  CHECK(quantile(samples, 0.25) == 2);
  CHECK(quantile(samples, 0.5) == 3);
  CHECK(quantile(samples, 1) == 5);
}

TEST_CASE("a median is the middle value, or the mean of the middle two") {
  CHECK(median({7}) == 7);
  CHECK(median({9, 1, 5}) == 5);
  CHECK(median({9, 1, 5, 2}) == 3.5);
}

TEST_CASE("the geometric mean of a ratio and its inverse is 1", "[statistics]") {
  CHECK_THAT(geometric_mean({0.25, 4}), Catch::Matchers::WithinRel(1.0));
  CHECK_THAT(geometric_mean({2, 8}), Catch::Matchers::WithinRel(4.0));
  CHECK_THAT(geometric_mean({3}), Catch::Matchers::WithinRel(3.0));
  // Products of these leave the range of a double.
  CHECK_THAT(geometric_mean({1e300, 1e300, 1e-300, 1e-300}), Catch::Matchers::WithinRel(1.0, 1e-9));
}

}  // namespace faasnap::bench::test
