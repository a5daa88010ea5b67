// SPDX-License-Identifier: Apache-2.0

#include "report/measurements/settings.h"

#include <catch2/catch_test_macros.hpp>

#include "report/charts/charts.h"
#include "report/charts/style.h"

namespace faasnap::bench::report {
namespace {

TEST_CASE("a label has the rank and the colour of the setting that it begins with") {
  CHECK(rank_of_setting("warm") == 0);
  CHECK(rank_of_setting("faasnap gap 32 prepared") == rank_of_setting("faasnap"));
  CHECK(rank_of_setting("lazy") < rank_of_setting("stream"));
  CHECK(colour_class("stream prepared") == "s-stream");
}

TEST_CASE("a setting that is not known comes last, in a colour of its own") {
  CHECK(rank_of_setting("fast") == kSettings.size() - 1);
  CHECK(rank_of_setting("") == kSettings.size() - 1);
  CHECK(colour_class("faasnapper") == "s-other");
}

TEST_CASE("every setting has a class of the style sheet, and a colour on either page") {
  const std::string style = drawing_style();
  for (const KnownSetting& setting : kSettings) {
    const std::string name(setting.name);
    CHECK(style.find(".s-" + name + "{fill:var(--" + name + ")") != std::string::npos);
    CHECK(style.find("--" + name + ":" + std::string(setting.light)) != std::string::npos);
    CHECK(style.find("--" + name + ":" + std::string(setting.dark)) != std::string::npos);
  }
}

}  // namespace
}  // namespace faasnap::bench::report
