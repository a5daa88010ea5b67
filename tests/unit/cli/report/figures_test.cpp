#include "report/figures.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

namespace faasnap::cli::report {
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
  CHECK(labels(9e9, 3, kTime) == Labels{"0", "5000 ms"});
  CHECK(labels(12e9, 3, kTime) == Labels{"0", "5 s", "10 s"});
  CHECK(labels(5.0 * (1 << 30), 3, kSize) == Labels{"0", "2 GiB", "4 GiB"});
  CHECK(labels(1.1, 3, kRatio) == Labels{"0", "\u00d70.5", "\u00d71"});
  CHECK(labels(0, 3, kCount) == Labels{"0"});
}

TEST_CASE("a step of an axis is where its label says") {
  const auto all = ticks(3.0 * (1 << 30), 3, kSize);
  REQUIRE(all.size() == 4);
  CHECK(all[1].first == Catch::Approx(1 << 30));
  CHECK(all[1].second == "1 GiB");
}

}  // namespace
}  // namespace faasnap::cli::report
