// SPDX-License-Identifier: Apache-2.0

#include "report/charts/figures.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

namespace faasnap::bench::report {
namespace {

std::vector<std::string> labels(double most, int parts, const Quantity& quantity) {
  std::vector<std::string> all;
  for (const auto& tick : ticks(most, parts, quantity)) {
    all.push_back(tick.second);
  }
  return all;
}

using Labels = std::vector<std::string>;

TEST_CASE("the steps of an axis are round in one unit") {
  CHECK(labels(230e6, 3, kTime) == Labels{"0", "100 ms", "200 ms"});
  CHECK(labels(4e9, 3, kTime) == Labels{"0", "2000 ms", "4000 ms"});
  CHECK(labels(12e9, 3, kTime) == Labels{"0", "5 s", "10 s"});
  CHECK(labels(5.0 * (1 << 30), 3, kSize) == Labels{"0", "2 GiB", "4 GiB"});
  CHECK(labels(1.1, 3, kRatio) == Labels{"0", "\u00d70.5", "\u00d71"});
  CHECK(labels(0, 3, kCount) == Labels{"0"});
}

TEST_CASE("an axis of next to nothing, or of everything, has few steps") {
  CHECK(labels(5e-324, 3, kTime) == Labels{"0"});
  CHECK(labels(1e18, 3, kTime).size() <= 4);
  CHECK(log_ticks(5e-324, 1, kTime).size() <= 15);
  CHECK(log_ticks(5e-324, 1e18, kCount).size() <= 15);
}

TEST_CASE("a logarithmic axis begins and ends around its values") {
  const auto all = [](double least, double most, const Quantity& quantity) {
    Labels labels;
    for (const auto& tick : log_ticks(least, most, quantity)) {
      labels.push_back(tick.second);
    }
    return labels;
  };
  CHECK(all(35e6, 800e6, kTime) ==
        Labels{"20 ms", "50 ms", "100 ms", "200 ms", "500 ms", "1000 ms"});
  CHECK(all(20e6, 200e6, kTime) == Labels{"20 ms", "50 ms", "100 ms", "200 ms"});
  // An axis of three decades has one value in each.
  CHECK(all(20e6, 21e9, kTime) == Labels{"0.01 s", "0.1 s", "1 s", "10 s", "100 s"});
  CHECK(all(3, 3, kCount) == Labels{"2", "5"});
}

TEST_CASE("a step of an axis is where its label says") {
  const auto all = ticks(3.0 * (1 << 30), 3, kSize);
  REQUIRE(all.size() == 4);
  CHECK(all[1].first == Catch::Approx(1 << 30));
  CHECK(all[1].second == "1 GiB");
}

}  // namespace
}  // namespace faasnap::bench::report
