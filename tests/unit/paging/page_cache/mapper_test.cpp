// SPDX-License-Identifier: Apache-2.0

#include "paging/page_cache/mapper.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <cstring>

#include "paging/page_cache/block_mapping.h"
#include "paging/plan/loading_set.h"
#include "paging/plan/planner.h"
#include "paging/support.h"
#include "support/exposure.h"

namespace faasnap::paging {
namespace {

constexpr Bytes kMemory = memory::kMinimumSize;

// A memory image with random data, and a loading set made from a random recording. The two files
// differ in every page, so that a page shows which of them is behind it.
struct Image {
  test::ScratchDirectory directory;
  test::PageFile memory{directory.path() / "memory", kMemory, 0};
  test::PageFile loading{directory.path() / "loading-set", {0}, 1};
  std::vector<PageRange> nonzero;
  std::vector<format::StoredPageRun> regions;

  explicit Image(unsigned seed) {
    std::mt19937 random(seed);
    nonzero = test::random_runs(random, 4000, 0.4, 20);
    const std::vector<PageGroup> groups = {test::random_runs(random, 3000, 0.2, 10)};
    regions = test::lay_out(plan_loading_set(groups, nonzero, {.merge_gap_pages = 8}), 4_KiB);
    for (const PageRange& run : nonzero) {
      memory.write(run);
    }
    for (const auto& region : regions) {
      loading.write(region.guest, region.file_offset);
    }
  }
  SnapshotFiles files() const { return {.memory = memory.ref(), .loading_set = loading.ref()}; }
  RestorePlan plan(Setting setting) const {
    return plan_restore(setting, {.memory = kMemory, .nonzero = nonzero, .loading_set = regions});
  }
};

bool shows(const memory::GuestMemory& guest, PageIndex page, std::span<const std::byte> content) {
  return std::memcmp(guest.host().data() + page.offset().value, content.data(), kPageSize) == 0;
}

TEST_CASE("guest memory is in neither core dumps nor children, whatever is mapped over it") {
  const Image image(1);
  for (const Setting setting : {Setting::lazy, Setting::faasnap}) {
    const memory::GuestMemory guest(kMemory);
    apply(image.plan(setting), guest, image.files());
    CHECK(test::is_hidden(guest.host()));
  }
  const memory::GuestMemory exposed(kMemory, base::Exposure::exposed);
  apply(image.plan(Setting::lazy), exposed, image.files());
  CHECK_FALSE(test::is_hidden(exposed.host()));
}

TEST_CASE("guest memory shows each byte of the file that the plan puts behind it") {
  const Image image(GENERATE(1u, 2u, 3u));
  const std::vector<std::byte> zeros(kPageSize);
  for (const Setting setting : {Setting::lazy, Setting::faasnap}) {
    const memory::GuestMemory guest(kMemory);
    const RestorePlan plan = image.plan(setting);
    const std::uint64_t made = apply(plan, guest, image.files());
    CHECK(made == plan.mappings.size() - (setting == Setting::faasnap ? 1 : 0));
    const auto data = test::as_bits(image.nonzero, kMemory.pages());
    std::vector<PageRange> loaded;
    for (const auto& region : image.regions) {
      loaded.push_back(region.guest);
    }
    const auto loading = test::as_bits(
        setting == Setting::faasnap ? loaded : std::vector<PageRange>{}, kMemory.pages());
    for (PageIndex page{0}; page.value < kMemory.pages(); page = page + 1) {
      if (loading[page.value]) {
        REQUIRE(shows(guest, page, image.loading.content(page)));
      } else if (data[page.value]) {
        REQUIRE(shows(guest, page, image.memory.content(page)));
      } else {
        REQUIRE(shows(guest, page, zeros));
      }
    }
  }
}

TEST_CASE("what the guest writes reaches neither the files nor another guest") {
  const Image image(4);
  const memory::GuestMemory guest(kMemory);
  const memory::GuestMemory sibling(kMemory);
  apply(image.plan(Setting::faasnap), guest, image.files());
  apply(image.plan(Setting::faasnap), sibling, image.files());
  std::memset(guest.host().data(), 0xff, 4000 * kPageSize);

  const PageIndex page = image.nonzero.front().first;
  std::vector<std::byte> bytes(kPageSize);
  base::read_exact(image.memory.fd(), bytes, page.offset().value, "memory");
  CHECK(bytes == image.memory.content(page));
  const auto& region = image.regions.front();
  base::read_exact(image.loading.fd(), bytes, region.file_offset.value, "loading-set");
  CHECK(bytes == image.loading.content(region.guest.first));
  CHECK(shows(sibling, region.guest.first, bytes));
}

TEST_CASE("a fault outside the loading set reads its page and no more") {
  const test::ScratchDirectory directory;
  const test::PageFile file(directory.path() / "memory", kMemory, 0);
  const std::vector<PageRange> nonzero = {{{0}, 4096}};
  file.write(nonzero[0]);
  file.make_cold();
  const memory::GuestMemory guest(kMemory);
  apply(plan_restore(Setting::faasnap, {.memory = kMemory, .nonzero = nonzero, .loading_set = {}}),
        guest, {file.ref(), {}});
  CHECK(shows(guest, PageIndex{2000}, file.content(PageIndex{2000})));
  CHECK(file.resident() == 1);
}

TEST_CASE("a fault on the loading set reads its block of the file and no more") {
  const test::ScratchDirectory directory;
  const test::PageFile file(directory.path() / "loading-set", Bytes{3 * kBlock.value}, 0);
  file.write({{0}, 3 * kBlock.pages()});
  file.make_cold();
  const std::vector<format::StoredPageRun> set = {{{{0}, 3 * kBlock.pages()}, {}, 0, 0}};
  const memory::GuestMemory guest(kMemory);
  apply(plan_restore(Setting::faasnap, {.memory = kMemory, .nonzero = {}, .loading_set = set}),
        guest, {.loading_set = file.ref()});
  CHECK(shows(guest, PageIndex{700}, file.content(PageIndex{700})));
  FileResidency residency(file.ref(), file.size());
  const auto resident_in_block = [&](std::uint64_t block) {
    return test::resident_in(residency, {{block * kBlock.pages()}, kBlock.pages()});
  };
  CHECK(resident_in_block(0) == 0);
  CHECK(resident_in_block(1) > 0);
  CHECK(resident_in_block(2) == 0);
}

TEST_CASE("a plan that does not fit is refused before anything is mapped") {
  const Image image(5);
  const memory::GuestMemory guest(kMemory);
  const auto refused = [&](const RestorePlan& plan, const SnapshotFiles& files) {
    return test::error_of([&] { apply(plan, guest, files); }).kind() == ErrorKind::invalid_argument;
  };
  RestorePlan plan = image.plan(Setting::faasnap);
  CHECK(refused(plan, {image.memory.ref(), {}}));
  plan.mappings.push_back({{{kMemory.pages()}, 1}, Backing::memory_file, {}});
  CHECK(refused(plan, image.files()));
  plan.mappings.back().guest = {{1}, UINT64_MAX};
  CHECK(refused(plan, image.files()));
  const std::vector<std::byte> zeros(kPageSize);
  CHECK(shows(guest, image.nonzero.front().first, zeros));
}

}  // namespace
}  // namespace faasnap::paging
