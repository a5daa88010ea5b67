// SPDX-License-Identifier: Apache-2.0

#include "memory/page_set.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <random>
#include <utility>
#include <vector>

namespace faasnap::memory {
namespace {

using Ranges = std::vector<PageRange>;

PageSet set_of(Ranges ranges) { return PageSet(std::move(ranges)); }

TEST_CASE("a union merges what overlaps or touches") {
  const PageSet left = set_of({{{1}, 2}, {{10}, 5}, {{40}, 1}});
  const PageSet right = set_of({{{0}, 1}, {{3}, 2}, {{12}, 10}, {{30}, 0}});
  const Ranges expected = {{{0}, 5}, {{10}, 12}, {{40}, 1}};
  CHECK(left.unite(right).runs() == expected);
  CHECK(right.unite(left).runs() == expected);
  CHECK(PageSet().unite({}).empty());
}

TEST_CASE("an intersection has what is in both") {
  const PageSet left = set_of({{{10}, 10}, {{30}, 2}});
  const PageSet right = set_of({{{0}, 11}, {{15}, 16}, {{40}, 1}});
  CHECK(left.intersect(right).runs() == Ranges{{{10}, 1}, {{15}, 5}, {{30}, 1}});
  CHECK(left.intersect({}).empty());
  CHECK(PageSet().intersect(right).empty());
}

TEST_CASE("a difference keeps what no range of the other covers") {
  const PageSet from = set_of({{{1}, 4}, {{10}, 10}, {{30}, 2}, {{40}, 5}, {{50}, 1}});
  const PageSet without = set_of({{{0}, 2}, {{12}, 1}, {{15}, 3}, {{19}, 12}, {{39}, 9}});
  const Ranges expected = {{{2}, 3}, {{10}, 2}, {{13}, 2}, {{18}, 1}, {{31}, 1}, {{50}, 1}};
  CHECK(from.minus(without).runs() == expected);
  CHECK(from.minus({}) == from);
  CHECK(from.minus(from).empty());
  CHECK(PageSet().minus(from).empty());
}

TEST_CASE("ranges in any order become one sorted set") {
  CHECK(set_of({{{5}, 1}, {{9}, 0}, {{1}, 3}, {{2}, 3}, {{3}, 1}}).runs() == Ranges{{{1}, 5}});
  CHECK(set_of({{{0}, 1}, {{1}, 1}}).runs() == Ranges{{{0}, 2}});
  CHECK(set_of({{{0}, 1}, {{2}, 1}}).pages() == 2);
}

TEST_CASE("runs are found by page") {
  const PageSet set = set_of({{{10}, 6}, {{30}, 2}});
  CHECK(set.run_of({10}) == PageRange{{10}, 6});
  CHECK(set.run_of({15}) == PageRange{{10}, 6});
  CHECK(set.run_of({31}) == PageRange{{30}, 2});
  for (const std::uint64_t page : {0, 9, 16, 29, 32}) {
    CHECK_FALSE(set.run_of({page}).has_value());
    CHECK_FALSE(set.contains({page}));
  }
  CHECK_FALSE(PageSet().contains({0}));
}

TEST_CASE("a range is cut where the set begins and ends") {
  const PageSet set = set_of({{{10}, 5}, {{30}, 2}});
  const auto cut = [&](PageRange range) {
    std::vector<std::pair<PageRange, bool>> parts;
    set.cut(range, [&](PageRange part, bool inside) { parts.emplace_back(part, inside); });
    return parts;
  };
  using Parts = std::vector<std::pair<PageRange, bool>>;
  CHECK(cut({{8}, 30}) == Parts{{{{8}, 2}, false},
                                {{{10}, 5}, true},
                                {{{15}, 15}, false},
                                {{{30}, 2}, true},
                                {{{32}, 6}, false}});
  CHECK(cut({{11}, 2}) == Parts{{{{11}, 2}, true}});
  CHECK(cut({{15}, 3}) == Parts{{{{15}, 3}, false}});
  CHECK(cut({{11}, 0}).empty());
}

// The set of the pages whose bit is set.
PageSet set_of_bits(const std::vector<bool>& bits) {
  PageSet set;
  for (std::uint64_t page = 0; page < bits.size(); ++page) {
    if (bits[page]) {
      set.append({{page}, 1});
    }
  }
  return set;
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
    const PageSet a = set_of_bits(left);
    const PageSet b = set_of_bits(right);
    REQUIRE(a.intersect(b) == set_of_bits(both));
    REQUIRE(a.unite(b) == set_of_bits(either));
    REQUIRE(a.minus(b) == set_of_bits(only_left));
    REQUIRE(a.pages() == static_cast<std::uint64_t>(std::ranges::count(left, true)));
    for (std::size_t page = 0; page < pages; ++page) {
      REQUIRE(a.contains({page}) == left[page]);
    }
  }
}

}  // namespace
}  // namespace faasnap::memory
