// SPDX-License-Identifier: Apache-2.0

#include <faasnap/restore_options.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

namespace faasnap {
namespace {

TEST_CASE("every setting is found by its name") {
  const Setting setting = GENERATE(from_range(kAllSettings));
  CHECK(parse_setting(to_string(setting)) == setting);
}

TEST_CASE("no other word is a setting") {
  CHECK_FALSE(parse_setting("").has_value());
  CHECK_FALSE(parse_setting("Lazy").has_value());
  CHECK_FALSE(parse_setting("lazy ").has_value());
  CHECK_FALSE(parse_setting("unknown").has_value());
  CHECK_FALSE(parse_setting("warm").has_value());
  CHECK_FALSE(parse_setting("boot").has_value());
}

}  // namespace
}  // namespace faasnap
