// SPDX-License-Identifier: Apache-2.0

#include "tools/origin.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

namespace faasnap::tools {

TEST_CASE("every origin is found by its name, and a setting's is the library's") {
  const Origin origin = GENERATE(from_range(all_origins()));
  CHECK(parse_origin(to_string(origin)) == origin);
  if (const auto* setting = std::get_if<Setting>(&origin)) {
    CHECK(parse_setting(to_string(origin)) == *setting);
  } else {
    CHECK_FALSE(parse_setting(to_string(origin)).has_value());
  }
}

TEST_CASE("no other word names an origin") {
  CHECK_FALSE(parse_origin("").has_value());
  CHECK_FALSE(parse_origin("Warm").has_value());
  CHECK_FALSE(parse_origin("boot ").has_value());
}

}  // namespace faasnap::tools
