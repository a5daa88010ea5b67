// SPDX-License-Identifier: Apache-2.0

#include "bursts/copies.h"

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

namespace faasnap::bench {
namespace {

std::string content(const std::filesystem::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

TEST_CASE("copies of a snapshot have files of their own, are made once, and go in the end") {
  std::string pattern = (std::filesystem::temp_directory_path() / "faasnap-copies-XXXXXX");
  REQUIRE(::mkdtemp(pattern.data()) != nullptr);
  const std::filesystem::path directory = pattern;
  const auto snapshot = directory / "json";
  std::filesystem::create_directory(snapshot);
  std::ofstream(snapshot / "memory") << "pages";
  {
    Copies copies(snapshot);
    CHECK(copies.same(3) == std::vector<std::filesystem::path>(3, snapshot));
    const auto two = copies.distinct(2);
    std::ofstream(two[1] / "memory") << "other";
    const auto four = copies.distinct(4);
    REQUIRE(four.size() == 4);
    CHECK(std::set(four.begin(), four.end()).size() == 4);
    CHECK(four[0] == snapshot);
    CHECK(content(four[0] / "memory") == "pages");
    CHECK(content(four[1] / "memory") == "other");
    CHECK(content(four[3] / "memory") == "pages");
  }
  CHECK(std::filesystem::is_empty(directory));
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace faasnap::bench
