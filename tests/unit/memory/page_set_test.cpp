#include "memory/page_set.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <random>

namespace faasnap::memory {
namespace {

using Ranges = std::vector<PageRange>;

TEST_CASE("a union merges what overlaps or touches") {
  const Ranges left = {{{1}, 2}, {{10}, 5}, {{40}, 1}};
  const Ranges right = {{{0}, 1}, {{3}, 2}, {{12}, 10}, {{30}, 0}};
  const Ranges expected = {{{0}, 5}, {{10}, 12}, {{40}, 1}};
  CHECK(union_of(left, right) == expected);
  CHECK(union_of(right, left) == expected);
  CHECK(union_of({}, {}).empty());
}

TEST_CASE("an intersection has what is in both") {
  const Ranges left = {{{10}, 10}, {{30}, 2}};
  const Ranges right = {{{0}, 11}, {{15}, 16}, {{40}, 1}};
  CHECK(intersection_of(left, right) == Ranges{{{10}, 1}, {{15}, 5}, {{30}, 1}});
  CHECK(intersection_of(left, {}).empty());
  CHECK(intersection_of({}, right).empty());
}

TEST_CASE("a difference keeps what no range of the other covers") {
  const Ranges from = {{{1}, 4}, {{10}, 10}, {{30}, 2}, {{40}, 5}, {{50}, 1}};
  const Ranges without = {{{0}, 2}, {{12}, 1}, {{15}, 3}, {{19}, 12}, {{39}, 9}};
  const Ranges expected = {{{2}, 3}, {{10}, 2}, {{13}, 2}, {{18}, 1}, {{31}, 1}, {{50}, 1}};
  CHECK(difference_of(from, without) == expected);
  CHECK(difference_of(from, {}) == from);
  CHECK(difference_of(from, from).empty());
  CHECK(difference_of({}, from).empty());
}

TEST_CASE("ranges in any order become one sorted set") {
  CHECK(set_of({{{5}, 1}, {{9}, 0}, {{1}, 3}, {{2}, 3}, {{3}, 1}}) == Ranges{{{1}, 5}});
}

// Runs of a random set, and the set as bits.
Ranges runs_of(const std::vector<bool>& bits) {
  Ranges runs;
  for (std::uint64_t page = 0; page < bits.size(); ++page) {
    if (bits[page]) {
      append_range(runs, {{page}, 1});
    }
  }
  return runs;
}

TEST_CASE("the algebra agrees with that of bits") {
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round) {
    const std::size_t pages = 1 + random() % 200;
    std::vector<bool> left(pages);
    std::vector<bool> right(pages);
    std::vector<bool> both(pages);
    std::vector<bool> either(pages);
    std::vector<bool> only_left(pages);
    for (std::size_t page = 0; page < pages; ++page) {
      left[page] = random() % 3 == 0 || (page != 0 && left[page - 1] && random() % 2 == 0);
      right[page] = random() % 3 == 0 || (page != 0 && right[page - 1] && random() % 2 == 0);
      both[page] = left[page] && right[page];
      either[page] = left[page] || right[page];
      only_left[page] = left[page] && !right[page];
    }
    const Ranges a = runs_of(left);
    const Ranges b = runs_of(right);
    REQUIRE(intersection_of(a, b) == runs_of(both));
    REQUIRE(union_of(a, b) == runs_of(either));
    REQUIRE(difference_of(a, b) == runs_of(only_left));
    REQUIRE(count_pages(a) == static_cast<std::uint64_t>(std::ranges::count(left, true)));
  }
}

}  // namespace
}  // namespace faasnap::memory
