// SPDX-License-Identifier: Apache-2.0

#include "report/charts/charts.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "report/charts/sheet.h"

namespace faasnap::bench::report {
namespace {

TEST_CASE("a chart shows longer bars for larger values and escapes what it is told") {
  const Picture chart = bar_chart("ratios",
                                  {{.label = "a <b> & c", .colour = "s-lazy", .parts = {1}},
                                   {.label = "large", .colour = "s-reap", .parts = {4}}},
                                  kRatio);
  const std::string svg = draw(Sheet{.title = "x < y", .pictures = {chart}});
  CHECK(svg.find("a &lt;b&gt; &amp; c") != std::string::npos);
  CHECK(svg.find("x &lt; y") != std::string::npos);
  const auto width = [&](const std::string& after) {
    const std::size_t bar = svg.find("<rect", svg.find(after));
    return std::stod(svg.substr(svg.find("width=\"", bar) + 7));
  };
  CHECK(width(">large<") > 3 * width(">a &lt;b&gt; &amp; c<"));
}

}  // namespace
}  // namespace faasnap::bench::report
