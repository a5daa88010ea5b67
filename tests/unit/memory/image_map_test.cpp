// SPDX-License-Identifier: Apache-2.0

#include "memory/image_map.h"

#include <catch2/catch_test_macros.hpp>

#include <vector>

namespace faasnap::memory {
namespace {

const ImageMap kMap({{{{2}, 3}, 1}, {{{5}, 1}, 0}, {{{9}, 2}, 2}});

TEST_CASE("an image's map knows the layer of each page with data") {
  CHECK_FALSE(kMap.layer_of({1}));
  CHECK(kMap.layer_of({2}) == 1U);
  CHECK(kMap.layer_of({4}) == 1U);
  CHECK(kMap.layer_of({5}) == 0U);
  CHECK_FALSE(kMap.layer_of({6}));
  CHECK(kMap.layer_of({10}) == 2U);
  CHECK_FALSE(kMap.layer_of({11}));
  CHECK(kMap.pages().runs() == std::vector<PageRange>{{{2}, 4}, {{9}, 2}});
  CHECK(kMap.pages_of(1).runs() == std::vector<PageRange>{{{2}, 3}});
  CHECK(kMap.pages_of(3).empty());
}

TEST_CASE("a range is cut where the layer changes") {
  std::vector<PageRange> parts;
  std::vector<std::optional<std::uint32_t>> layers;
  kMap.cut({{4}, 6}, [&](PageRange part, std::optional<std::uint32_t> layer) {
    parts.push_back(part);
    layers.push_back(layer);
  });
  CHECK(parts == std::vector<PageRange>{{{4}, 1}, {{5}, 1}, {{6}, 3}, {{9}, 1}});
  CHECK(layers == std::vector<std::optional<std::uint32_t>>{1, 0, std::nullopt, 2});
}

TEST_CASE("a layer hides what it stores, and shows of its base what it takes from there") {
  const std::vector<PageRange> stored{{{0}, 1}, {{4}, 1}};
  const std::vector<PageRange> based{{{2}, 2}, {{10}, 3}};
  const ImageMap map = lay_over(kMap, stored, based);
  CHECK(map.runs() ==
        std::vector<ImageRun>{{{{0}, 1}, 0}, {{{2}, 2}, 2}, {{{4}, 1}, 0}, {{{10}, 1}, 3}});
}

}  // namespace
}  // namespace faasnap::memory
