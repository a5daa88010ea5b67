// SPDX-License-Identifier: Apache-2.0

#include "base/random.h"

#include <catch2/catch_test_macros.hpp>

namespace faasnap::base {

TEST_CASE("random identifiers are 32 hexadecimal digits, and no two are the same") {
  const std::string id = random_id();
  CHECK(id.size() == 32);
  CHECK(id.find_first_not_of("0123456789abcdef") == std::string::npos);
  CHECK(id != random_id());
  CHECK(random_value<std::uint64_t>() != random_value<std::uint64_t>());
}

}  // namespace faasnap::base
