// SPDX-License-Identifier: Apache-2.0

#include "functions/way.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "harness/program.h"

namespace faasnap::bench {
namespace {

TEST_CASE("a way is a setting, and words after plus signs say more about it") {
  CHECK(parse_way("warm") == Way{"warm"});
  CHECK(parse_way("per-region") == Way{"per-region"});
  CHECK(parse_way("stream+prepared") == Way{"stream", true});
  CHECK(parse_way("faasnap+gap0") == Way{"faasnap", false, 0});
  CHECK(parse_way("faasnap+gap32+prepared") == Way{"faasnap", true, 32});
}

TEST_CASE("what is no way is refused") {
  const std::string text = GENERATE(as<std::string>(), "", "vanilla", "warm+prepared",
                                    "boot+prepared", "stream+", "stream+ready", "stream+gap0",
                                    "faasnap+gap", "faasnap+gap-1", "faasnap+gap3x", "+prepared");
  INFO(text);
  CHECK_THROWS_AS(parse_way(text), UsageError);
}

TEST_CASE("a way that a record tells of is the one that it was measured under") {
  const Way way = GENERATE(Way{"lazy"}, Way{"stream", true}, Way{"faasnap", false, 0});
  CHECK(way_of(fields_of(way)) == way);
}

TEST_CASE("ways are named for people") {
  CHECK(Way{"lazy"}.name() == "lazy");
  CHECK(Way{"faasnap", true, 0}.name() == "faasnap, gap 0, prepared");
}

}  // namespace
}  // namespace faasnap::bench
