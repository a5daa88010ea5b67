// SPDX-License-Identifier: Apache-2.0

#include "report/measurements/summary.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

namespace faasnap::bench::report {
namespace {

using Catch::Approx;

TEST_CASE("a summary has the median of each column, and how far totals lie apart") {
  std::vector<Measurement> all(3);
  const double totals[] = {30, 10, 20};
  const double setups[] = {1, 9, 2};
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].total = totals[i];
    all[i].setup = setups[i];
  }
  const Summary summary = summarize(Part{"lazy", {&all[0], &all[1], &all[2]}});
  CHECK(summary.label == "lazy");
  CHECK(summary.count == 3);
  CHECK(summary.total == 20);
  CHECK(summary.setup == 2);
  CHECK(summary.least == 10);
  CHECK(summary.most == 30);
}

TEST_CASE("an amount that some lack is the median of the others, and of none it is none") {
  std::vector<Measurement> all(3);
  all[0].amounts[Amount::cache] = 4;
  all[2].amounts[Amount::cache] = 8;
  const Amounts amounts = summarize(Part{"lazy", {&all[0], &all[1], &all[2]}}).amounts;
  CHECK(amounts[Amount::cache] == 6);
  CHECK_FALSE(amounts[Amount::waiting]);
  CHECK(amounts.value(Amount::waiting) == 0);
}

}  // namespace
}  // namespace faasnap::bench::report
