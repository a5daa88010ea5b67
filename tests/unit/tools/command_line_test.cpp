// SPDX-License-Identifier: Apache-2.0

#include "tools/command_line.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include "tools/failure.h"

namespace faasnap::tools {
namespace {

using Catch::Matchers::Message;

CommandLine some_command_line() {
  CommandLine line({.name = "some", .text = "Does it.", .example = "some --count 3"});
  line.flag("quiet", "say nothing");
  line.option("o,output", "FILE", "where it goes");
  line.option("count", "N", "how many", "7");
  line.option("factor", "N", "how much", "1.5");
  line.list("names", "NAMES", "which ones");
  line.list("modes", "MODES", "how", "a,b");
  return line;
}

CommandLine parsed(const Arguments& arguments) {
  CommandLine line = some_command_line();
  REQUIRE(line.parse(arguments));
  return line;
}

TEST_CASE("what is not given has its default, or none") {
  const CommandLine line = parsed({});
  CHECK_FALSE(line.has("quiet"));
  CHECK_FALSE(line.has("count"));
  CHECK_FALSE(line.optional_text("output"));
  CHECK_FALSE(line.optional_number("count", 0, 10));
  CHECK(line.number("count", 0, 10) == 7);
  CHECK(line.positive("factor") == 1.5);
  CHECK(line.texts("names").empty());
  CHECK(line.texts("modes") == Arguments{"a", "b"});
  CHECK_THROWS_MATCHES(line.text("output"), UsageError, Message("--output is missing"));
}

TEST_CASE("what is given comes before the default") {
  const CommandLine line = parsed(
      {"--quiet", "-o", "file", "--count=3", "--names", "x,y", "--names", "z", "--modes", "c"});
  CHECK(line.has("quiet"));
  CHECK(line.text("output") == "file");
  CHECK(line.number("count", 0, 10) == 3);
  CHECK(line.texts("names") == Arguments{"x", "y", "z"});
  CHECK(line.texts("modes") == Arguments{"c"});
}

TEST_CASE("what no program takes is refused as it is parsed") {
  const auto words = GENERATE(as<Arguments>(), Arguments{"--frobnicate"}, Arguments{"word"},
                              Arguments{"--output"}, Arguments{"--quiet=x", "word"});
  INFO(words.front());
  CommandLine line = some_command_line();
  CHECK_THROWS_AS(line.parse(words), UsageError);
}

TEST_CASE("a value that is empty or given twice is refused") {
  CHECK_THROWS_MATCHES(parsed({"--output", ""}).text("output"), UsageError,
                       Message("--output is empty"));
  CHECK_THROWS_MATCHES(parsed({"-o", "a", "--output", "b"}).text("output"), UsageError,
                       Message("--output is given 2 times"));
}

TEST_CASE("a number is whole, in decimal digits and within its bounds") {
  const std::string text =
      GENERATE("11", "-1", "0x3", "3.5", "3 ", "three", "99999999999999999999");
  INFO(text);
  CHECK_THROWS_AS(parsed({"--count=" + text}).number("count", 0, 10), UsageError);
}

TEST_CASE("a factor is above 0 and finite") {
  const std::string text = GENERATE("0", "-2", "inf", "nan", "1.5x", "x");
  INFO(text);
  CHECK_THROWS_AS(parsed({"--factor=" + text}).positive("factor"), UsageError);
}

TEST_CASE("positional arguments are given once each, the optional ones or not") {
  CommandLine line({.name = "some", .text = "Does it.", .example = "some a"});
  line.positional({"FROM"}, {"TO"});
  SECTION("both") {
    REQUIRE(line.parse({"a", "b"}));
    CHECK(line.text("FROM") == "a");
    CHECK(line.optional_text("TO") == "b");
  }
  SECTION("one") {
    REQUIRE(line.parse({"a"}));
    CHECK_FALSE(line.optional_text("TO"));
  }
  SECTION("none") { CHECK_THROWS_MATCHES(line.parse({}), UsageError, Message("FROM is missing")); }
  SECTION("too many") { CHECK_THROWS_AS(line.parse({"a", "b", "c"}), UsageError); }
}

}  // namespace
}  // namespace faasnap::tools
