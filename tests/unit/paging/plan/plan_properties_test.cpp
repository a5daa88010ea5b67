// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <numeric>
#include <random>

#include "memory/page_set.h"
#include "paging/plan/installed_sets.h"
#include "paging/plan/loading_set.h"
#include "paging/plan/plan_simulation.h"
#include "paging/plan/planner.h"
#include "paging/support.h"

// What holds for every setting, whatever the image and the recording are.
namespace faasnap::paging {
namespace {

constexpr Setting kRestoring[] = {Setting::lazy,       Setting::cached,  Setting::concurrent,
                                  Setting::per_region, Setting::faasnap, Setting::reap,
                                  Setting::stream};

// A random image, a random recording of it, and the sets made from them.
class RandomSnapshot {
 public:
  explicit RandomSnapshot(std::mt19937& random)
      : pages_(1 + random() % 2000),
        nonzero_(test::random_runs(random, pages_, 0.05 + 0.1 * (random() % 9), 30)),
        files_(pages_, nonzero_) {
    split_into_layers(random);
    files_.add(layers_);
    touch(random);
    loading_ =
        test::lay_out(plan_loading_set(groups_, nonzero_, {random() % 40, random() % 4}), 8_KiB);
    reap_ = test::lay_out(plan_reap_set(accesses_), 4_KiB);
    auto stream = plan_stream_set(accesses_, nonzero_, 1 + random() % 100, kStreamGapPages,
                                  random() % 3 == 0 ? memory::PageSet() : from_bases());
    stream_ = test::lay_out(stream.regions, 12_KiB);
    zeros_ = std::move(stream.zero_runs);
    files_.add(Backing::loading_set, loading_);
    files_.add(Backing::reap_set, reap_);
    files_.add(Backing::stream_set, stream_);
  }

  std::uint64_t pages() const { return pages_; }
  const test::FakeFiles& files() const { return files_; }
  const std::vector<PageAccess>& accesses() const { return accesses_; }
  PlanInputs inputs(bool prepared = false) const {
    return {.memory = {pages_ * kPageSize},
            .nonzero = nonzero_,
            .layers = layers_,
            .recorded = groups_,
            .loading_set = loading_,
            .reap_set = reap_,
            .stream_set = stream_,
            .zero_runs = zeros_,
            .accesses = accesses_,
            .prepared = prepared,
            .bases_cached = prepared};
  }

 private:
  // Every other image is in one layer. The bases of the others have more data than is shown.
  void split_into_layers(std::mt19937& random) {
    const std::size_t count = random() % 2 == 0 ? 0 : 1 + random() % 4;
    if (count == 0) {
      return;
    }
    std::vector<std::vector<PageRange>> shown(count);
    for (const PageRange& run : nonzero_) {
      for (PageIndex page = run.first; page < run.end();) {
        const std::uint64_t pages = std::min<std::uint64_t>(1 + random() % 40, run.end() - page);
        shown[random() % count].push_back({page, pages});
        page = page + pages;
      }
    }
    for (auto& pages : shown) {
      const bool is_base = !layers_.empty();
      const memory::PageSet own(std::move(pages));
      const memory::PageSet hidden(is_base ? test::random_runs(random, pages_, 0.4, 20)
                                           : std::vector<PageRange>());
      layers_.push_back({.shown = own, .stored = own.unite(hidden)});
    }
  }
  // What may be mapped of the bases.
  memory::PageSet from_bases() const {
    memory::PageSet based;
    for (std::size_t n = 1; n < layers_.size(); ++n) {
      based = based.unite(layers_[n].shown);
    }
    return mappable(based);
  }
  // Runs of pages in any order, as a guest touches them, and their groups.
  void touch(std::mt19937& random) {
    auto runs = test::random_runs(random, pages_, 0.3, 12);
    std::ranges::shuffle(runs, random);
    for (const PageRange& run : runs) {
      for (PageIndex page = run.first; page < run.end(); page = page + 1) {
        accesses_.push_back({page});
      }
    }
    const std::size_t group_pages = 1 + random() % 200;
    for (std::size_t at = 0; at < accesses_.size(); at += group_pages) {
      std::vector<PageRange> group;
      for (std::size_t i = at; i < std::min(at + group_pages, accesses_.size()); ++i) {
        group.push_back({accesses_[i].page, 1});
      }
      groups_.push_back(memory::PageSet(std::move(group)).runs());
    }
  }

  std::uint64_t pages_;
  std::vector<PageRange> nonzero_;
  std::vector<ImageLayer> layers_;
  test::FakeFiles files_;
  std::vector<PageAccess> accesses_;
  std::vector<PageGroup> groups_;
  std::vector<format::StoredPageRun> loading_;
  std::vector<format::StoredPageRun> reap_;
  std::vector<format::StoredPageRun> stream_;
  std::vector<PageRange> zeros_;
};

// How often each page is in `ranges`.
std::vector<int> times_covered(std::span<const PageRange> ranges, std::uint64_t pages) {
  std::vector<int> times(pages);
  for (const PageRange& range : ranges) {
    for (PageIndex page = range.first; page < range.end(); page = page + 1) {
      ++times.at(page.value);
    }
  }
  return times;
}

std::vector<PageRange> loaded_by(const RestorePlan& plan) {
  std::vector<PageRange> loaded(plan.zero_pages().begin(), plan.zero_pages().end());
  for (const PlannedRead& read : plan.reads()) {
    loaded.push_back(read.guest);
  }
  return loaded;
}

TEST_CASE("in every setting every page of guest memory shows what the image has for it") {
  std::mt19937 random(21);
  for (int round = 0; round < 100; ++round) {
    const RandomSnapshot snapshot(random);
    for (const Setting setting : kRestoring) {
      const auto plan = plan_restore(setting, snapshot.inputs(round % 2 == 0));
      REQUIRE(plan.setting == setting);
      REQUIRE(test::contents_after(plan, snapshot.files()) == snapshot.files().image());
    }
    REQUIRE(test::contents_after(plan_recording(snapshot.inputs()), snapshot.files()) ==
            snapshot.files().image());
  }
}

TEST_CASE("no setting loads a page twice, or one that is not there") {
  std::mt19937 random(22);
  for (int round = 0; round < 100; ++round) {
    const RandomSnapshot snapshot(random);
    for (const Setting setting : kRestoring) {
      const auto loaded = loaded_by(plan_restore(setting, snapshot.inputs(round % 2 == 0)));
      REQUIRE(std::ranges::max(times_covered(loaded, snapshot.pages())) <= 1);
    }
  }
}

TEST_CASE(
    "what is read into the page cache is what is mapped there, and nothing is where zeros are") {
  std::mt19937 random(23);
  for (int round = 0; round < 100; ++round) {
    const RandomSnapshot snapshot(random);
    for (const Setting setting : {Setting::concurrent, Setting::per_region, Setting::faasnap}) {
      const auto plan = plan_restore(setting, snapshot.inputs(round % 2 == 0));
      const auto behind = test::apply_mappings(plan, snapshot.pages());
      for (const PageRange& run : plan.zero_pages()) {
        for (std::uint64_t i = 0; i < run.count; ++i) {
          REQUIRE(behind[run.first.value + i].backing == Backing::anonymous);
        }
      }
      for (const PlannedRead& read : plan.reads()) {
        for (std::uint64_t i = 0; i < read.guest.count; ++i) {
          REQUIRE(behind[read.guest.first.value + i].backing == read.file);
          REQUIRE(behind[read.guest.first.value + i].file_page == read.file_offset.pages() + i);
          REQUIRE(behind[read.guest.first.value + i].layer == read.layer);
        }
      }
    }
  }
}

TEST_CASE("reap loads every page that was touched, and no other; stream, those between two, too") {
  std::mt19937 random(24);
  for (int round = 0; round < 100; ++round) {
    const RandomSnapshot snapshot(random);
    std::vector<int> touched(snapshot.pages());
    for (const PageAccess& access : snapshot.accesses()) {
      touched[access.page.value] = 1;
    }
    REQUIRE(times_covered(loaded_by(plan_restore(Setting::reap, snapshot.inputs())),
                          snapshot.pages()) == touched);
    const auto plan = plan_restore(Setting::stream, snapshot.inputs());
    const auto stored = times_covered(plan.handled()->nonzero, snapshot.pages());
    std::vector<int> expected = touched;
    for (std::uint64_t page = 1; page + 1 < snapshot.pages(); ++page) {
      if (stored[page] != 0 && touched[page - 1] != 0 && touched[page + 1] != 0) {
        expected[page] = 1;
      }
    }
    REQUIRE(times_covered(loaded_by(plan), snapshot.pages()) == expected);
  }
}

TEST_CASE("no fewer mappings of memory files would show an image of layers") {
  // Runs of layers 0 and 1 with zeros between, where layer 1 has hidden data in one gap.
  const std::vector<PageRange> nonzero{{{0}, 4}, {{6}, 2}, {{10}, 2}};
  const std::vector<ImageLayer> layers{
      {.shown = memory::PageSet({{{10}, 2}}), .stored = memory::PageSet({{{10}, 2}})},
      {.shown = memory::PageSet({{{0}, 4}, {{6}, 2}}),
       .stored = memory::PageSet({{{0}, 4}, {{6}, 4}})}};
  const PlanInputs inputs{.memory = {16 * kPageSize}, .nonzero = nonzero, .layers = layers};
  const auto lazy = plan_restore(Setting::lazy, inputs);
  REQUIRE(lazy.mappings.size() == 2);
  CHECK(lazy.mappings[0].guest == PageRange{{0}, 8});
  CHECK(lazy.mappings[0].layer == 1);
  CHECK(lazy.mappings[1].guest == PageRange{{8}, 8});
  CHECK(lazy.mappings[1].layer == 0);
  // Zeros between data stay anonymous where a setting maps data alone.
  CHECK(plan_restore(Setting::per_region, inputs).mappings.size() == 4);
}

TEST_CASE("layers that do not show the image, each page once, are refused") {
  const std::vector<PageRange> nonzero{{{0}, 4}};
  std::vector<ImageLayer> layers(2);
  layers[0] = {.shown = memory::PageSet({{{0}, 2}}), .stored = memory::PageSet({{{0}, 2}})};
  layers[1] = {.shown = memory::PageSet({{{2}, 2}}), .stored = memory::PageSet({{{2}, 2}})};
  SECTION("a page is shown twice") { layers[1].shown = layers[1].stored = layers[0].shown; }
  SECTION("a page is shown by none") { layers[1] = {}; }
  SECTION("a page is shown that is zero") {
    layers[1].shown = layers[1].stored = memory::PageSet({{{2}, 3}});
  }
  SECTION("a page is shown that the layer does not store") { layers[1].stored = {}; }
  for (const Setting setting : kRestoring) {
    CHECK(test::error_of([&] {
            plan_restore(setting,
                         {.memory = {8 * kPageSize}, .nonzero = nonzero, .layers = layers});
          }).kind() == ErrorKind::invalid_argument);
  }
}

}  // namespace
}  // namespace faasnap::paging
