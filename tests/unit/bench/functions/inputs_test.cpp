// SPDX-License-Identifier: Apache-2.0

#include "functions/inputs.h"

#include <catch2/catch_test_macros.hpp>
#include <stdexcept>

namespace faasnap::bench {
namespace {

const auto kDeclarations = nlohmann::ordered_json::parse(R"({
  "functions": {
    "hello": {"quick": [{"name": "a"}], "e1": [{"name": "a"}]},
    "table": {
      "quick": [{"rows": 20, "columns": 60, "seed": 1}],
      "e1": [{"rows": 100, "columns": 300, "seed": 1}],
      "e2": [{"rows": 100, "columns": 200, "seed": 3}, {"rows": 200, "columns": 400, "seed": 4}]
    },
    "picture": {
      "quick": [{"input": "jpeg-100k", "size": 32}],
      "e1": [{"input": "jpeg-100k"}],
      "e2": [{"input": "jpeg-200k"}]
    }
  },
  "objects": {"jpeg-100k": {"bytes": 100000}, "jpeg-200k": {"bytes": 200000}}
})");

TEST_CASE("an input of numbers is as large as their product, but for the seed") {
  const auto inputs = inputs_by_size(kDeclarations, "table", InputSize::full);
  REQUIRE(inputs.size() == 2);
  CHECK(inputs[0].name == "100x200");
  CHECK(inputs[0].size == 20000);
  CHECK(inputs[1].input == nlohmann::json{{"rows", 200}, {"columns", 400}, {"seed", 4}});
}

TEST_CASE("quick inputs are smaller in the proportion of the function's other quick inputs") {
  const auto inputs = inputs_by_size(kDeclarations, "table", InputSize::quick);
  REQUIRE(inputs.size() == 2);
  CHECK(inputs[1].input == nlohmann::json{{"rows", 40}, {"columns", 80}, {"seed", 4}});
  CHECK(inputs[1].name == "40x80");
}

TEST_CASE("an input that names an object is as large as the object") {
  const auto inputs = inputs_by_size(kDeclarations, "picture", InputSize::quick);
  REQUIRE(inputs.size() == 1);
  CHECK(inputs[0].name == "200k");
  CHECK(inputs[0].size == 200000);
  CHECK(inputs[0].input == nlohmann::json{{"input", "jpeg-200k"}, {"size", 32}});
}

TEST_CASE("a function may have inputs of one size only, but it must exist") {
  CHECK(inputs_by_size(kDeclarations, "hello", InputSize::full).empty());
  CHECK_THROWS_AS(inputs_by_size(kDeclarations, "none", InputSize::full), std::runtime_error);
}

TEST_CASE("the declared inputs of several sizes are six, and the largest is four times the third") {
  for (const char* function : {"json", "image", "matmul", "pyaes", "chameleon", "pagerank"}) {
    INFO(function);
    const auto inputs = inputs_by_size(function, InputSize::full);
    REQUIRE(inputs.size() == 6);
    const double ratio = inputs.back().size / inputs[2].size;
    // The size is given in one dimension or in two.
    CHECK(ratio >= 2);
    CHECK(ratio <= 4);
  }
}

}  // namespace
}  // namespace faasnap::bench
