// SPDX-License-Identifier: Apache-2.0

#include "paging/page_cache/page_cache_loader.h"

#include <sys/mman.h>
#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <chrono>
#include <thread>

#include "base/files/mapping.h"
#include "memory/guest_memory.h"
#include "paging/page_cache/mapper.h"
#include "paging/plan/planner.h"
#include "paging/support.h"

namespace faasnap::paging {
namespace {

constexpr Bytes kEngineMemory = memory::kMinimumSize;

// A cold loading set of 16 MiB in regions of 37 pages that are scattered over guest memory.
struct LoadingSet {
  static constexpr std::uint64_t kRegionPages = 37;
  test::ScratchDirectory directory;
  test::PageFile memory{directory.path() / "memory", kEngineMemory, 0};
  test::PageFile loading{directory.path() / "loading-set", 4_KiB, 1};
  std::vector<format::StoredPageRun> regions;

  LoadingSet() {
    Bytes offset = 4_KiB;
    for (std::uint64_t i = 0; i < 110; ++i) {
      const PageRange guest{{(i * 73 % 110) * 100}, kRegionPages};
      regions.push_back({guest, offset, 0, 0});
      loading.write(guest, offset);
      offset += guest.size();
    }
    loading.make_cold();
  }
  RestorePlan plan() const {
    return plan_restore(Setting::faasnap,
                        {.memory = kEngineMemory, .nonzero = {}, .loading_set = regions});
  }
  ReadIntoPageCache load() const { return *plan().load_if<ReadIntoPageCache>(); }
  SnapshotFiles files() const { return {.memory = memory.ref(), .loading_set = loading.ref()}; }
  std::uint64_t pages() const { return regions.size() * kRegionPages; }
};

// What the page tables of guest memory have for a page (proc(5), pagemap).
enum class Entry { none, of_the_file, copied };

std::vector<Entry> entries_of(const memory::GuestMemory& guest, PageRange pages) {
  const base::UniqueFd pagemap = base::open_file("/proc/self/pagemap", O_RDONLY);
  std::vector<std::uint64_t> raw(pages.count);
  const auto first =
      reinterpret_cast<std::uintptr_t>(guest.host().data()) / kPageSize + pages.first.value;
  base::read_exact(pagemap, std::as_writable_bytes(std::span(raw)), first * 8, "pagemap");
  std::vector<Entry> entries;
  for (const std::uint64_t bits : raw) {
    const bool present = ((bits >> 63) & 1) != 0;
    const bool file = ((bits >> 61) & 1) != 0;
    entries.push_back(!present ? Entry::none : file ? Entry::of_the_file : Entry::copied);
  }
  return entries;
}

// How many pages of the regions are in the page tables of guest memory.
std::uint64_t entered_pages(const memory::GuestMemory& guest,
                            std::span<const format::StoredPageRun> regions) {
  std::uint64_t entered = 0;
  for (const auto& region : regions) {
    const auto entries = entries_of(guest, region.guest);
    entered +=
        region.guest.count - static_cast<std::uint64_t>(std::ranges::count(entries, Entry::none));
  }
  return entered;
}

TEST_CASE("a cold loading set is in the page cache when the prefetcher has ended") {
  const LoadingSet set;
  PageCacheLoader engine(set.load(), set.files());
  engine.start();
  engine.wait();
  CHECK(test::nearly_all(set.loading.resident(), set.pages()));
  const PrefetchStats stats = engine.stats();
  CHECK(stats.finished);
  CHECK(stats.pages == set.pages());
  CHECK(stats.bytes == Bytes{set.pages() * kPageSize});
  CHECK(stats.reads == (set.regions.front().file_offset + stats.bytes).value / kBlock.value + 1);
  CHECK(stats.duration > Nanoseconds(0));
}

TEST_CASE("the first pages of the file come in before the last ones") {
  const LoadingSet set;
  PageCacheLoader engine(set.load(), set.files(), nullptr, {.populate = false});
  engine.start();
  FileResidency residency(set.loading.ref(), set.loading.size());
  const std::uint64_t half = residency.pages() / 2;
  // Where the second half has begun to come in, all of the first has.
  bool begun = false;
  while (!engine.stats().finished && !begun) {
    begun = test::resident_in(residency, {{half + 3 * half / 4}, half / 4}) != 0;
  }
  CHECK(test::nearly_all(test::resident_in(residency, {{1}, half / 4}), half / 4));
  engine.wait();
}

TEST_CASE("populated guest memory shows the loading set without another fault") {
  const LoadingSet set;
  const memory::GuestMemory guest(kEngineMemory);
  apply(set.plan(), guest, set.files());
  PageCacheLoader engine(set.load(), set.files(), guest.host().data());
  engine.start();
  engine.wait();
  for (const auto& region : set.regions) {
    const std::byte* target = guest.host().data() + region.guest.first.offset().value;
    REQUIRE(std::memcmp(target, set.loading.content(region.guest.first).data(), kPageSize) == 0);
  }
  CHECK(entered_pages(guest, set.regions) == set.pages());
}

TEST_CASE("what is read before the start is entered into guest memory after it") {
  const LoadingSet set;
  const memory::GuestMemory guest(kEngineMemory);
  PageCacheLoader engine(set.load(), set.files(), guest.host().data());
  engine.read();
  while (engine.stats().pages < set.pages()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  apply(set.plan(), guest, set.files());  // would be undone by what comes earlier
  engine.start();
  engine.wait();
  CHECK(entered_pages(guest, set.regions) == set.pages());
}

TEST_CASE("populating leaves alone what the guest has written meanwhile") {
  const LoadingSet set;
  const memory::GuestMemory guest(kEngineMemory);
  apply(set.plan(), guest, set.files());
  PageCacheLoader engine(set.load(), set.files(), guest.host().data(), {.blocks = 4});
  engine.start();
  for (const auto& region : set.regions) {
    guest.host()[region.guest.first.offset().value] = std::byte{0x55};
  }
  engine.wait();
  for (const auto& region : set.regions) {
    REQUIRE(guest.host()[region.guest.first.offset().value] == std::byte{0x55});
  }
}

TEST_CASE("a file that ends before its plan is an error that names it and the place") {
  const LoadingSet set;
  const Bytes cut{4096 + 1000 * kPageSize + 100};
  REQUIRE(::ftruncate(set.loading.fd().get(), static_cast<off_t>(cut.value)) == 0);
  PageCacheLoader engine(set.load(), set.files());
  engine.start();
  const Error error = test::error_of([&] { engine.wait(); });
  CHECK(error.kind() == ErrorKind::corrupt);
  CHECK(error.path() == (set.directory.path() / "loading-set").string());
  CHECK(std::string(error.what()).find(std::to_string(cut.value)) != std::string::npos);
  CHECK(engine.stats().finished);
  CHECK(test::error_of([&] { engine.wait(); }).kind() == ErrorKind::corrupt);
}

TEST_CASE("a read that fails is reported with its errno") {
  const LoadingSet set;
  const base::UniqueFd unreadable = base::open_file(set.directory.path() / "loading-set", O_WRONLY);
  PageCacheLoader engine(set.load(),
                         {.memory = set.memory.ref(), .loading_set = {&unreadable, "loading-set"}});
  engine.start();
  const Error error = test::error_of([&] { engine.wait(); });
  CHECK(error.error_number() == EBADF);
  CHECK(error.path() == "loading-set");
}

TEST_CASE("planned pages are entered, and copied if planned so") {
  const LoadingSet set;
  ReadIntoPageCache load = set.load();
  const PageRange region = set.regions.front().guest;
  const PageRange other = set.regions.back().guest;
  load.entries = {{{region.first + 2, 5}, true}, {{region.first + 7, 3}, false}, {other, true}};
  std::ranges::sort(load.entries, {}, [](const PlannedEntry& entry) { return entry.guest.first; });
  const memory::GuestMemory guest(kEngineMemory);
  apply(set.plan(), guest, set.files());
  PageCacheLoader engine(load, set.files(), guest.host().data());
  engine.start();
  engine.wait();
  const auto all = [&](PageRange pages, Entry expected) {
    const auto entries = entries_of(guest, pages);
    return std::ranges::count(entries, expected) == static_cast<std::ptrdiff_t>(pages.count);
  };
  CHECK(all({region.first + 2, 5}, Entry::copied));
  CHECK(all({region.first + 7, 3}, Entry::of_the_file));
  CHECK(all(other, Entry::copied));
  CHECK(all(set.regions[1].guest, Entry::none));
  for (const PageRange& pages : {region, other}) {
    const std::byte* target = guest.host().data() + (pages.first + 4).offset().value;
    CHECK(std::memcmp(target, set.loading.content(pages.first + 4).data(), kPageSize) == 0);
  }
}

TEST_CASE("zero pages are allocated, in a guest that has written some of them") {
  const LoadingSet set;
  ReadIntoPageCache load = set.load();
  load.zero_pages = {{{50}, 7}, {{30000}, 200}};
  const memory::GuestMemory guest(kEngineMemory);
  apply(set.plan(), guest, set.files());
  const auto written = PageIndex{30010}.offset().value;
  guest.host()[written] = std::byte{0x55};
  PageCacheLoader engine(load, set.files(), guest.host().data());
  engine.start();
  engine.wait();
  CHECK(engine.stats().zero_pages == 207);
  CHECK(guest.host()[written] == std::byte{0x55});
  for (const PageRange& run : load.zero_pages) {
    std::vector<unsigned char> present(run.count);
    REQUIRE(::mincore(guest.host().data() + run.first.offset().value, run.size().value,
                      present.data()) == 0);
    CHECK(std::ranges::count(present, 1) == static_cast<std::ptrdiff_t>(run.count));
  }
}

TEST_CASE("scattered pages of the memory file are read") {
  test::ScratchDirectory directory;
  test::PageFile memory{directory.path() / "memory", kEngineMemory, 0};
  const std::vector<PageRange> recorded = {{{100}, 3}, {{5000}, 300}, {{9000}, 1}};
  for (const PageRange& run : recorded) {
    memory.write(run, run.first.offset());
  }
  memory.make_cold();
  const std::vector<PageGroup> groups = {recorded};
  const RestorePlan plan = plan_restore(
      Setting::per_region, {.memory = kEngineMemory, .nonzero = recorded, .recorded = groups});
  PageCacheLoader engine(*plan.load_if<ReadIntoPageCache>(), {memory.ref(), {}});
  engine.start();
  engine.wait();
  CHECK(engine.stats().pages == 304);
  FileResidency residency(memory.ref(), kEngineMemory);
  std::uint64_t resident = 0;
  for (const PageRange& run : recorded) {
    resident += test::resident_in(residency, run);
  }
  CHECK(test::nearly_all(resident, 304));
}

TEST_CASE("a plan without reads ends at once") {
  PageCacheLoader engine(ReadIntoPageCache{}, SnapshotFiles{});
  engine.start();
  engine.wait();
  CHECK(engine.stats().reads == 0);
}

TEST_CASE("a plan of a missing file, and tuning out of range, are refused") {
  const LoadingSet set;
  const auto refused = [&](const SnapshotFiles& files, const PageCacheTuning& tuning) {
    return test::error_of([&] { PageCacheLoader(set.load(), files, nullptr, tuning); }).kind() ==
           ErrorKind::invalid_argument;
  };
  CHECK(refused({set.memory.ref(), {}}, {}));
  CHECK(refused(set.files(), {.depth = 0}));
  CHECK(refused(set.files(), {.depth = 100000}));
  CHECK(refused(set.files(), {.blocks = 0}));
  CHECK(refused(set.files(), {.piece = {0}}));
  CHECK(refused(set.files(), {.piece = {100}}));
}

TEST_CASE("a cancelled prefetcher ends, says so, and begins nothing more") {
  const LoadingSet set;
  PageCacheLoader engine(set.load(), set.files(), nullptr, {.blocks = 1});
  engine.start();
  engine.cancel();
  const Error error = test::error_of([&] { engine.wait(); });
  CHECK(error.kind() == ErrorKind::cancelled);
  CHECK(engine.stats().pages < set.pages());
}

TEST_CASE("a prefetcher can be destroyed at any moment") {
  const LoadingSet set;
  const memory::GuestMemory guest(kEngineMemory);
  apply(set.plan(), guest, set.files());
  std::mt19937 random(2);
  for (int round = 0; round < 40; ++round) {
    ::posix_fadvise(set.loading.fd().get(), 0, 0, POSIX_FADV_DONTNEED);
    PageCacheLoader engine(set.load(), set.files(), guest.host().data(),
                           {.blocks = 1 + static_cast<unsigned>(random() % 8)});
    if (round % 8 != 0) {
      engine.start();
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 6000));
  }
  SUCCEED();
}

TEST_CASE("several threads can wait and look at once") {
  const LoadingSet set;
  PageCacheLoader engine(set.load(), set.files());
  engine.start();
  std::atomic<bool> shrank = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      std::uint64_t before = 0;
      while (!engine.stats().finished) {
        const std::uint64_t now = engine.stats().pages;
        shrank = shrank || now < before;
        before = now;
      }
      engine.wait();
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  CHECK_FALSE(shrank);
  CHECK(engine.stats().pages == set.pages());
}

}  // namespace
}  // namespace faasnap::paging
