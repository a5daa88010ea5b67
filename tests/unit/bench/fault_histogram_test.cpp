// SPDX-License-Identifier: Apache-2.0

#include "fault_probe/fault_histogram.h"

#include <catch2/catch_test_macros.hpp>
#include <stdexcept>

namespace faasnap::bench {
namespace {

// The text as Linux prints it, not sorted by the key.
constexpr const char* kText = R"(# event histogram
#
# trigger info: hist:keys=ns.log2:vals=hitcount:sort=hitcount:size=2048 [active]
#

{ ns: ~ 2^20 } hitcount:          1
{ ns: ~ 2^12 } hitcount:         30
{ ns: ~ 2^9  } hitcount:         69

Totals:
    Hits: 100
    Entries: 3
    Dropped: 0
)";

TEST_CASE("a histogram of the kernel is read as buckets, sorted by time") {
  const FaultHistogram expected{{256, 512, 69}, {2048, 4096, 30}, {524288, 1048576, 1}};
  CHECK(parse_histogram(kText) == expected);
}

TEST_CASE("a histogram without a call is empty") {
  CHECK(parse_histogram("# event histogram\n\nTotals:\n    Hits: 0\n    Dropped: 0\n").empty());
}

TEST_CASE("a histogram with other keys, or with losses, is refused") {
  CHECK_THROWS_AS(parse_histogram("{ ns: 12 } hitcount: 1\n"), std::runtime_error);
  CHECK_THROWS_AS(parse_histogram("{ ns: ~ 2^99 } hitcount: 1\n"), std::runtime_error);
  CHECK_THROWS_AS(parse_histogram("{ ns: ~ 2^9 }\n"), std::runtime_error);
  CHECK_THROWS_AS(parse_histogram("Totals:\n    Dropped: 7\n"), std::runtime_error);
}

TEST_CASE("quantiles are the ends of the buckets in which they lie") {
  const FaultHistogram histogram = parse_histogram(kText);
  CHECK(count(histogram) == 100);
  CHECK(quantile(histogram, 0.5) == 512);
  CHECK(quantile(histogram, 0.69) == 512);
  CHECK(quantile(histogram, 0.7) == 4096);
  CHECK(quantile(histogram, 0.99) == 4096);
  CHECK(quantile(histogram, 1) == 1048576);
  CHECK(quantile({}, 0.5) == 0);
}

TEST_CASE("a histogram survives a results file, and several add up") {
  const FaultHistogram first{{1, 2, 3}, {4, 8, 5}};
  CHECK(histogram_of(nlohmann::json::parse(to_json(first).dump())) == first);
  CHECK(histogram_of(nlohmann::json::array()).empty());
  CHECK(sum({first, {{2, 4, 1}, {4, 8, 2}}}) == FaultHistogram{{1, 2, 3}, {2, 4, 1}, {4, 8, 7}});
}

}  // namespace
}  // namespace faasnap::bench
