// SPDX-License-Identifier: Apache-2.0

#include "functions/aliases.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "base/error.h"

namespace platform {
namespace {

using Catch::Matchers::ContainsSubstring;

FunctionVersions two_versions() {
  FunctionVersions versions{.latest = {.name = "f"}, .next_version = 3};
  versions.published[1] = {.name = "f", .version = "1"};
  versions.published[2] = {.name = "f", .version = "2"};
  return versions;
}

}  // namespace

TEST_CASE("an alias names a version until it is changed") {
  FunctionVersions versions = two_versions();
  const Alias made = add_alias(versions, "live", {.version = "1", .description = "what serves"});
  CHECK(find_alias(versions, "live").version == "1");
  const Alias changed = change_alias(versions, "live", {.version = "2"});
  CHECK(changed.version == "2");
  CHECK(changed.description == "what serves");
  CHECK(changed.revision != made.revision);
  CHECK_THROWS_WITH(add_alias(versions, "live", {.version = "1"}),
                    ContainsSubstring("already exists"));
  CHECK_THROWS_WITH(find_alias(versions, "dead"), ContainsSubstring("Cannot find alias: f:dead"));
}

TEST_CASE("an alias that cannot be is refused, and changes nothing") {
  FunctionVersions versions = two_versions();
  for (const char* name : {"", "7", "a.b", "a b"}) {
    CHECK_THROWS_AS(add_alias(versions, name, {.version = "1"}), RequestError);
  }
  const auto with = [&](const std::string& version, std::map<std::string, double> weights) {
    add_alias(versions, "live", {.version = version, .weights = std::move(weights)});
  };
  CHECK_THROWS_WITH(with("3", {}), ContainsSubstring("Function not found: f:3"));
  CHECK_THROWS_WITH(with("1", {{"3", 0.5}}), ContainsSubstring("Function not found: f:3"));
  CHECK_THROWS_WITH(with("1", {{"1", 0.5}}), ContainsSubstring("RoutingConfig"));
  CHECK_THROWS_WITH(with(kLatest, {{"1", 0.5}}), ContainsSubstring("RoutingConfig"));
  CHECK_THROWS_WITH(with("1", {{kLatest, 0.5}}), ContainsSubstring("RoutingConfig"));
  CHECK_THROWS_WITH(with("1", {{"2", 1.5}}), ContainsSubstring("0.0 to 1.0"));
  CHECK_THROWS_WITH(with("1", {{"2", -0.5}}), ContainsSubstring("0.0 to 1.0"));
  CHECK(versions.aliases.empty());
}

TEST_CASE("a version that an alias names cannot go") {
  FunctionVersions versions = two_versions();
  add_alias(versions, "live", {.version = "1", .weights = {{{"2", 0.1}}}});
  CHECK_THROWS_WITH(refuse_if_aliased(versions, "1"), ContainsSubstring("'live'"));
  CHECK_THROWS_WITH(refuse_if_aliased(versions, "2"), ContainsSubstring("'live'"));
  change_alias(versions, "live", {.weights = std::map<std::string, double>{}});
  CHECK_NOTHROW(refuse_if_aliased(versions, "2"));
}

TEST_CASE("an alias sends a part of its invocations to another version") {
  const Alias alias{.name = "live", .version = "1", .weights = {{"2", 0.25}}};
  CHECK(version_of(alias, 0) == "2");
  CHECK(version_of(alias, 0.24) == "2");
  CHECK(version_of(alias, 0.25) == "1");
  CHECK(version_of(alias, 0.99) == "1");
  CHECK(version_of({.version = "1", .weights = {{"2", 0.0}}}, 0) == "1");
  CHECK(version_of({.version = "1", .weights = {{"2", 1.0}}}, 0.999) == "2");
}

}  // namespace platform
