// SPDX-License-Identifier: Apache-2.0

#include "functions/table.h"

#include <catch2/catch_test_macros.hpp>

namespace faasnap::bench {
namespace {

TEST_CASE("a row is named by the fields that tell it from others") {
  const nlohmann::json record{{"function", "json"}, {"input_name", "400k"}, {"parallelism", 4}};
  CHECK(row_name(record, std::vector<std::string>{"function", "input_name"}) == "json 400k");
  CHECK(row_name(record, std::vector<std::string>{"parallelism"}) == "4");
}

}  // namespace
}  // namespace faasnap::bench
