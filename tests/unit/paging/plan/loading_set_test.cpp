// SPDX-License-Identifier: Apache-2.0

#include "paging/plan/loading_set.h"

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <set>

#include "paging/support.h"

namespace faasnap::paging {
namespace {

using Groups = std::vector<PageGroup>;
using Regions = std::vector<format::PageRun>;

std::vector<std::tuple<std::uint64_t, std::uint64_t, std::uint32_t>> tuples(
    const Regions& regions) {
  std::vector<std::tuple<std::uint64_t, std::uint64_t, std::uint32_t>> out;
  for (const auto& region : regions) {
    out.emplace_back(region.guest.first.value, region.guest.count, region.lowest_group);
  }
  return out;
}

using Expected = decltype(tuples({}));

TEST_CASE("the loading set is what is recorded and not zero") {
  const Groups groups = {{{{10}, 10}}};
  const std::vector<PageRange> nonzero = {{{5}, 7}, {{18}, 10}};
  CHECK(tuples(plan_loading_set(groups, nonzero, {.merge_gap_pages = 0})) ==
        Expected{{10, 2, 0}, {18, 2, 0}});
}

TEST_CASE("a gap below the threshold is merged and one of the threshold is not") {
  const Groups groups = {{{{0}, 1}, {{4}, 1}, {{9}, 1}}};
  const std::vector<PageRange> nonzero = {{{0}, 100}};
  CHECK(tuples(plan_loading_set(groups, nonzero, {.merge_gap_pages = 4})) ==
        Expected{{0, 5, 0}, {9, 1, 0}});
}

TEST_CASE("pages that touch are one region even with the threshold 0") {
  const Groups groups = {{{{4}, 2}}, {{{6}, 1}}};
  const std::vector<PageRange> nonzero = {{{0}, 100}};
  CHECK(tuples(plan_loading_set(groups, nonzero, {.merge_gap_pages = 0})) == Expected{{4, 3, 0}});
}

TEST_CASE("regions come in the order of their lowest group, then of address") {
  const Groups groups = {
      {{{500}, 1}}, {{{100}, 1}, {{300}, 1}}, {{{0}, 1}, {{301}, 1}, {{499}, 1}}};
  const std::vector<PageRange> nonzero = {{{0}, 1000}};
  CHECK(tuples(plan_loading_set(groups, nonzero, {.merge_gap_pages = 32})) ==
        Expected{{499, 2, 0}, {100, 1, 1}, {300, 2, 1}, {0, 1, 2}});
}

TEST_CASE("small regions are dropped by recorded pages and not by what gaps add") {
  const Groups groups = {{{{0}, 1}, {{10}, 1}, {{200}, 3}, {{400}, 2}}};
  const std::vector<PageRange> nonzero = {{{0}, 1000}};
  CHECK(tuples(plan_loading_set(groups, nonzero, {.merge_gap_pages = 32, .minimum_pages = 3})) ==
        Expected{{200, 3, 0}});
}

TEST_CASE("an empty recording, or an image of zeros, has an empty loading set") {
  const std::vector<PageRange> nonzero = {{{0}, 10}};
  CHECK(plan_loading_set(Groups{}, nonzero, {}).empty());
  CHECK(plan_loading_set(Groups{{{{0}, 10}}}, {}, {}).empty());
}

// Deals the pages of random runs out to groups.
Groups random_groups(std::mt19937& random, std::uint64_t pages) {
  Groups groups(1 + random() % 5);
  for (const PageRange& run : test::random_runs(random, pages, 0.3, 12)) {
    PageGroup& group = groups[random() % groups.size()];
    group.push_back(run);
  }
  return groups;
}

TEST_CASE("a loading set of anything recorded holds each recorded page that is not zero once") {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    const std::uint64_t pages = 1 + random() % 3000;
    const Groups groups = random_groups(random, pages);
    const auto nonzero = test::random_runs(random, pages, 0.4, 20);
    const std::uint64_t gap = random() % 40;
    const auto regions = plan_loading_set(groups, nonzero, {.merge_gap_pages = gap});

    const auto data = test::as_bits(nonzero, pages);
    std::map<std::uint64_t, std::uint32_t> wanted;
    for (std::uint32_t group = 0; group < groups.size(); ++group) {
      for (const PageRange& run : groups[group]) {
        for (PageIndex page = run.first; page < run.end(); page = page + 1) {
          if (data[page.value]) {
            wanted[page.value] = group;
          }
        }
      }
    }
    std::set<std::uint64_t> covered;
    for (const auto& region : regions) {
      std::uint32_t lowest = UINT32_MAX;
      std::uint64_t empty = 0;
      for (PageIndex page = region.guest.first; page < region.guest.end(); page = page + 1) {
        REQUIRE(covered.insert(page.value).second);
        const auto found = wanted.find(page.value);
        empty = found == wanted.end() ? empty + 1 : 0;
        REQUIRE((empty == 0 || empty < gap));
        lowest = found == wanted.end() ? lowest : std::min(lowest, found->second);
      }
      REQUIRE(empty == 0);
      REQUIRE(wanted.contains(region.guest.first.value));
      REQUIRE(lowest == region.lowest_group);
    }
    for (const auto& [page, group] : wanted) {
      REQUIRE(covered.contains(page));
    }
    REQUIRE(std::is_sorted(regions.begin(), regions.end(), [](const auto& a, const auto& b) {
      return std::tie(a.lowest_group, a.guest.first) < std::tie(b.lowest_group, b.guest.first);
    }));
  }
}

TEST_CASE("a wider gap never makes more regions, nor fewer pages") {
  std::mt19937 random(11);
  for (int round = 0; round < 100; ++round) {
    const Groups groups = random_groups(random, 2000);
    const auto nonzero = test::random_runs(random, 2000, 0.4, 20);
    std::size_t regions_before = SIZE_MAX;
    std::uint64_t pages_before = 0;
    for (const std::uint64_t gap : {0, 1, 2, 5, 16, 32, 64}) {
      const auto regions = plan_loading_set(groups, nonzero, {.merge_gap_pages = gap});
      std::uint64_t pages = 0;
      for (const auto& region : regions) {
        pages += region.guest.count;
      }
      REQUIRE(regions.size() <= regions_before);
      REQUIRE(pages >= pages_before);
      regions_before = regions.size();
      pages_before = pages;
    }
  }
}

}  // namespace
}  // namespace faasnap::paging
