#include "common/statistics.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <string>

#include "common/bar_chart.h"

namespace faasnap::bench::test {

TEST_CASE("quantiles are samples, by the nearest rank", "[statistics]") {
  const std::vector<double> samples{5, 1, 4, 2, 3};
  CHECK(quantile(samples, 0) == 1);
  CHECK(quantile(samples, 0.25) == 2);
  CHECK(median(samples) == 3);
  CHECK(quantile(samples, 1) == 5);
}

TEST_CASE("the geometric mean of a ratio and its inverse is 1", "[statistics]") {
  CHECK_THAT(geometric_mean({0.25, 4}), Catch::Matchers::WithinRel(1.0));
}

TEST_CASE("a chart shows longer bars for larger values and escapes what it is told",
          "[bar_chart]") {
  BarChart chart("a <b> & c");
  chart.add({"group", {{"small", 1, "one"}, {"large", 4, "four"}}});
  const std::string svg = chart.svg();

  CHECK(svg.find("a &lt;b&gt; &amp; c") != std::string::npos);
  const auto width = [&](std::size_t from) {
    return std::stod(svg.substr(svg.find("width='", svg.find("<rect", from)) + 7));
  };
  const std::size_t large = svg.find(">large<");
  REQUIRE(large != std::string::npos);
  CHECK(width(large) > width(svg.find(">small<")));
}

}  // namespace faasnap::bench::test
