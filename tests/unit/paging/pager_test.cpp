// SPDX-License-Identifier: Apache-2.0

#include "paging/pager.h"

#include <sys/mman.h>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "memory/memory_usage.h"
#include "paging/pager_fixture.h"

namespace faasnap::paging {
namespace {

using test::at;
using test::PagedImage;
using test::touch;

// Compares every byte from several threads, each in its own order, while the pager loads.
void check_content(const PagedImage& image, const memory::GuestMemory& guest) {
  std::atomic<std::uint64_t> different{0};
  std::vector<std::thread> threads;
  for (std::uint32_t i = 0; i < 3; ++i) {
    threads.emplace_back([&, i] {
      if (image.first_difference(guest, i)) {
        ++different;
      }
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  CHECK(different == 0);
}

void check_restored(const PagedImage& image, const RestorePlan& plan,
                    const InstallTuning& tuning = {}) {
  const memory::GuestMemory guest(PagedImage::kMemory);
  Pager pager(plan, guest, image.files(), {}, tuning);
  pager.start();
  check_content(image, guest);
  pager.wait();
  CHECK_FALSE(pager.failed());
}

TEST_CASE("every plan restores the same bytes, whoever touches them in what order meanwhile") {
  const PagedImage image;
  image.set_file().make_cold();
  check_restored(image, image.stream());
  check_restored(image, image.reap());
  check_restored(image, image.recording());
  check_restored(image, image.lazy());
  check_restored(image, image.concurrent());
}

TEST_CASE("how pages are installed makes no difference to what is installed") {
  const PagedImage image;
  check_restored(image, image.stream(), {.piece = 16_KiB, .depth = 1, .zero_pages = 1});
  check_restored(image, image.stream(), {.piece = 64_KiB, .depth = 32, .zero_pages = 4096});
  check_restored(image, image.stream(), {.miss_pages = 64, .miss_zero_pages = 1, .misses = 1});
}

TEST_CASE("a compressed set restores the same bytes, whatever the size of its blocks") {
  const PagedImage image;
  for (const std::uint64_t block_pages : {1, 5, 32, 128}) {
    const test::ScratchDirectory directory;
    const test::PageFile file(directory.path() / "stream-set", {}, 0);
    image.write_compressed(file, block_pages);
    for (const unsigned depth : {1U, 8U}) {
      const memory::GuestMemory guest(PagedImage::kMemory);
      Pager pager(image.stream_of(file), guest, image.files_with(file), {},
                  {.piece = 16_KiB, .depth = depth});
      pager.start();
      check_content(image, guest);
      pager.wait();
      const PrefetchStats stats = pager.prefetch_stats();
      CHECK(stats.pages == PagedImage::count(image.set()));
      CHECK(stats.bytes == Bytes{stats.pages * kPageSize});
      CHECK(stats.read == file.size() - format::read_page_set_table(file.fd(), "f").data_offset);
      CHECK((stats.read < stats.bytes) == (block_pages > 1));
    }
  }
}

TEST_CASE("what an uncompressed set reads is what it installs") {
  const PagedImage image;
  for (const RestorePlan& plan : {image.stream(), image.reap(), image.concurrent()}) {
    const memory::GuestMemory guest(PagedImage::kMemory);
    Pager pager(plan, guest, image.files());
    pager.start();
    pager.wait();
    CHECK(pager.prefetch_stats().read == pager.prefetch_stats().bytes);
    CHECK(pager.prefetch_stats().bytes.value != 0);
  }
}

TEST_CASE("a compressed set can be installed before the start as well") {
  const PagedImage image;
  const test::ScratchDirectory directory;
  const test::PageFile file(directory.path() / "stream-set", {}, 0);
  image.write_compressed(file, 32);
  RestorePlan plan = image.stream_of(file);
  auto& faults = std::get<HandledFaults>(plan.faults);
  faults.load = InstallBeforeStart{.reads = {plan.reads().begin(), plan.reads().end()}};
  const memory::GuestMemory guest(PagedImage::kMemory);
  Pager pager(plan, guest, image.files_with(file));
  pager.start();
  check_content(image, guest);
  CHECK(pager.prefetch_stats().pages == PagedImage::count(image.set()));
}

TEST_CASE("a plan with a block that no set has is refused before anything is read") {
  const PagedImage image;
  const memory::GuestMemory guest(PagedImage::kMemory);
  const auto refused = [&](const PlannedBlock& block) {
    RestorePlan plan = image.stream();
    test::installed(plan).reads.front().block = block;
    return test::kind_of([&] { Pager(plan, guest, image.files()); }) == ErrorKind::invalid_argument;
  };
  const Bytes wanted = image.stream().reads().front().guest.size();
  CHECK(refused({.stored = {1}, .content = wanted, .begin = {kPageSize}}));
  CHECK(refused({.stored = {1}, .content = {1ULL << 40}, .begin = {}}));
  CHECK(refused({.stored = wanted + Bytes{1}, .content = wanted, .begin = {}}));
  CHECK(refused({.stored = {1}, .content = wanted, .begin = {~0ULL}}));
}

TEST_CASE("nothing is in memory before the start") {
  const PagedImage image;
  for (const RestorePlan& plan : {image.stream(), image.reap(), image.concurrent()}) {
    const memory::GuestMemory guest(PagedImage::kMemory);
    const Pager pager(plan, guest, image.files());
    CHECK(memory::read_memory_usage(guest.host()).resident == Bytes{});
    CHECK_FALSE(pager.prefetch_stats().finished);
  }
}

TEST_CASE("a streamed set is installed whole, and no access to it is a fault afterwards") {
  const PagedImage image;
  const memory::GuestMemory guest(PagedImage::kMemory);
  std::mutex mutex;
  std::vector<bool> present(PagedImage::kMemory.pages());
  Pager pager(image.stream(), guest, image.files(),
              {.failed = {}, .present = [&](PageRange pages) {
                 const std::lock_guard lock(mutex);
                 std::fill_n(present.begin() + static_cast<std::ptrdiff_t>(pages.first.value),
                             pages.count, true);
               }});
  CHECK(pager.buffers() > Bytes{});
  pager.start();
  pager.wait();
  const PrefetchStats stats = pager.prefetch_stats();
  CHECK(stats.finished);
  CHECK(stats.pages == PagedImage::count(image.set()));
  std::uint64_t noted = 0;
  for (const PageLoad& load : pager.loads()) {
    noted += load.pages.count;
  }
  CHECK(noted == stats.pages + stats.zero_pages);
  CHECK(stats.zero_pages == PagedImage::count(image.zeros()));
  CHECK(stats.bytes == Bytes{stats.pages * kPageSize});
  CHECK(stats.duration > Nanoseconds(0));
  std::vector<PageRange> loaded = image.set();
  loaded.insert(loaded.end(), image.zeros().begin(), image.zeros().end());
  CHECK(present == test::as_bits(loaded, PagedImage::kMemory.pages()));
  CHECK(memory::read_memory_usage(guest.host()).resident ==
        Bytes{PagedImage::count(loaded) * kPageSize});
  for (const PageRange& range : loaded) {
    const auto offset = range.first.offset().value;
    REQUIRE(std::memcmp(guest.host().data() + offset, image.image().data() + offset,
                        range.size().value) == 0);
  }
  CHECK(pager.faults() == 0);
}

TEST_CASE("a REAP set is installed when the start returns") {
  const PagedImage image;
  const memory::GuestMemory guest(PagedImage::kMemory);
  Pager pager(image.reap(), guest, image.files());
  pager.start();
  CHECK(pager.prefetch_stats().finished);
  CHECK(pager.prefetch_stats().pages == PagedImage::count(image.set()));
  CHECK(memory::read_memory_usage(guest.host()).resident ==
        Bytes{PagedImage::count(image.set()) * kPageSize});
  for (const PageRange& range : image.set()) {
    const auto offset = range.first.offset().value;
    REQUIRE(std::memcmp(guest.host().data() + offset, image.image().data() + offset,
                        range.size().value) == 0);
  }
  CHECK(pager.faults() == 0);
  pager.wait();
}

TEST_CASE("what the guest writes while its pages are on the way is kept") {
  const PagedImage image;
  image.set_file().make_cold();
  const memory::GuestMemory guest(PagedImage::kMemory);
  Pager pager(image.stream(), guest, image.files());
  pager.start();
  for (const auto* ranges : {&image.set(), &image.zeros(), &image.nonzero()}) {
    for (const PageRange& range : *ranges) {
      guest.host()[range.first.offset().value] = std::byte{0x55};
    }
  }
  pager.wait();
  for (const auto* ranges : {&image.set(), &image.zeros(), &image.nonzero()}) {
    for (const PageRange& range : *ranges) {
      const auto offset = range.first.offset().value;
      REQUIRE(guest.host()[offset] == std::byte{0x55});
      REQUIRE(std::memcmp(guest.host().data() + offset + 1, image.image().data() + offset + 1,
                          range.size().value - 1) == 0);
    }
  }
}

TEST_CASE("a miss brings its neighbours along, and nothing beyond their block") {
  const PagedImage image;
  const memory::GuestMemory guest(PagedImage::kMemory);
  Pager pager(image.stream(), guest, image.files(), {}, {.miss_pages = 64, .miss_zero_pages = 64});
  pager.start();
  pager.wait();
  const PageIndex data = image.unforeseen_data(8);
  // Two neighbours in a block of 64 pages.
  const PageIndex missed = data + (data.value % 64 == 63 ? 1 : 0);
  CHECK(touch(guest, missed) == image.image()[missed.offset().value]);
  // The kernel may report one fault twice, when the thread that waits is disturbed.
  const std::uint64_t faults = pager.faults();
  CHECK(faults >= 1);
  CHECK(touch(guest, missed + 1) == image.image()[(missed + 1).offset().value]);
  CHECK(pager.faults() == faults);
  CHECK(memory::read_memory_usage(guest.host()).resident.pages() <=
        PagedImage::count(image.set()) + PagedImage::count(image.zeros()) + 64);
}

TEST_CASE("a missed zero page brings those of its block along, between data, too") {
  const PagedImage image;
  const memory::GuestMemory guest(PagedImage::kMemory);
  RestorePlan plan = image.stream();
  test::installed(plan) = {};
  Pager pager(plan, guest, image.files(), {}, {.miss_zero_pages = 64});
  pager.start();
  // A run of data with zeros before and behind it, all in one block.
  const auto run = std::ranges::find_if(image.nonzero(), [](const PageRange& data) {
    return data.first.value % 64 != 0 && data.end().value % 64 != 0 &&
           data.first.value / 64 == data.end().value / 64 &&
           data.end() < PagedImage::kLongGap.first;
  });
  REQUIRE(run != image.nonzero().end());
  const PageIndex before{run->first.value - 1};
  at(guest, before) = std::byte{1};
  // The handler may still be at the rest of the block when it has let go of the page.
  const auto is_there = [&](PageIndex page) {
    unsigned char resident = 0;
    REQUIRE(::mincore(guest.host().data() + page.offset().value, kPageSize, &resident) == 0);
    return resident != 0;
  };
  for (int i = 0; i < 10000 && !is_there(run->end()); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CHECK(is_there(run->end()));
  CHECK_FALSE(is_there(run->first));
  CHECK(pager.faults() == 1);
  CHECK(touch(guest, run->first) == image.image()[run->first.offset().value]);
}

TEST_CASE("once all is loaded, no zero page needs the handler") {
  const PagedImage image;
  const memory::GuestMemory guest(PagedImage::kMemory);
  Pager pager(image.stream(), guest, image.files());
  pager.start();
  pager.wait();
  PageIndex page{0};
  for (const PageRange& data : image.nonzero()) {
    for (; page < data.first; page = page + 1) {
      at(guest, page) = std::byte{1};
      REQUIRE(touch(guest, page) == std::byte{1});
    }
    page = data.end();
  }
  CHECK(pager.faults() == 0);
}

TEST_CASE("long gaps of zeros are the kernel's: no fault there reaches the handler") {
  const PagedImage image;
  const memory::GuestMemory guest(PagedImage::kMemory);
  Pager pager(image.stream(), guest, image.files());
  pager.start();
  pager.wait();
  for (std::uint64_t i = 0; i < PagedImage::kLongGap.count; ++i) {
    REQUIRE(touch(guest, PagedImage::kLongGap.first + i) == std::byte{0});
  }
  CHECK(pager.faults() == 0);
}

TEST_CASE("a page that was given back after it was installed is empty") {
  const PagedImage image;
  const memory::GuestMemory guest(PagedImage::kMemory);
  Pager pager(image.stream(), guest, image.files());
  pager.start();
  pager.wait();
  for (const PageRange& pages : {image.set().front(), image.zeros().front()}) {
    std::byte* start = guest.host().data() + pages.first.offset().value;
    REQUIRE(touch(guest, pages.first) == image.image()[pages.first.offset().value]);
    REQUIRE(::madvise(start, kPageSize, MADV_DONTNEED) == 0);
    CHECK(touch(guest, pages.first) == std::byte{0});
    at(guest, pages.first) = std::byte{7};
    CHECK(touch(guest, pages.first) == std::byte{7});
  }
}

// Plays a guest that gives a page back, and whoever touches it next.
std::byte touch_given_back(const memory::GuestMemory& guest, PageIndex page) {
  ::madvise(guest.host().data() + page.offset().value, kPageSize, MADV_DONTNEED);
  return touch(guest, page);
}

TEST_CASE("whoever is told of present pages may wait for one that was given back since") {
  const PagedImage image;
  for (const RestorePlan& plan : {image.stream(), image.reap()}) {
    const memory::GuestMemory guest(PagedImage::kMemory);
    std::atomic<std::uint64_t> told{0};
    Pager pager(plan, guest, image.files(), {.failed = {}, .present = [&](PageRange pages) {
                                               touch_given_back(guest, pages.first);
                                               ++told;
                                             }});
    pager.start();
    pager.wait();
    CHECK(told > 0);
    CHECK_FALSE(pager.failed());
  }
}

TEST_CASE("a pager ends although whoever is told of present pages waits for one of them") {
  const PagedImage image;
  const memory::GuestMemory guest(PagedImage::kMemory);
  std::atomic<bool> touching{false};
  std::atomic<bool> enough{false};
  auto pager =
      std::make_unique<Pager>(image.stream(), guest, image.files(),
                              PagerCallbacks{.failed = {}, .present = [&](PageRange pages) {
                                               touching = true;
                                               while (!enough) {
                                                 touch_given_back(guest, pages.first);
                                               }
                                             }});
  pager->start();
  while (!touching) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  std::thread end([&] { pager.reset(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  enough = true;
  end.join();
  CHECK(pager == nullptr);
}

// Maps the memory file over every other run with data that the set lacks, to be entered, every
// third as a copy.
RestorePlan partly_mapped(const PagedImage& image) {
  RestorePlan plan = image.stream();
  const memory::PageSet set(image.set());
  bool take = true;
  for (const PageRange& run : memory::PageSet(image.nonzero()).minus(set).runs()) {
    if (take) {
      plan.mappings.push_back({run, Backing::memory_file, run.first.offset()});
      auto& entries = test::installed(plan).entries;
      entries.push_back({run, entries.size() % 3 == 0});
    }
    take = !take;
  }
  return plan;
}

TEST_CASE("what is mapped beside what is installed shows the file, and takes no handled fault") {
  const PagedImage image;
  const RestorePlan plan = partly_mapped(image);
  check_restored(image, plan);

  const memory::GuestMemory guest(PagedImage::kMemory);
  Pager pager(plan, guest, image.files());
  CHECK(pager.mappings() == plan.mappings.size() - 1);
  pager.start();
  pager.wait();
  for (std::size_t i = 1; i < plan.mappings.size(); ++i) {
    touch(guest, plan.mappings[i].guest.first);
  }
  CHECK(pager.faults() == 0);
}

TEST_CASE("loading goes on where a mapped file has ended, and leaves the page to who touches it") {
  const PagedImage image;
  const RestorePlan plan = partly_mapped(image);
  const memory::GuestMemory guest(PagedImage::kMemory);
  Pager pager(plan, guest, image.files());
  REQUIRE(::ftruncate(image.memory_file().fd().get(), kPageSize) == 0);
  pager.start();
  CHECK_NOTHROW(pager.wait());
  CHECK_FALSE(pager.failed());
}

TEST_CASE("a plan with nothing to load is a plan all the same") {
  const PagedImage image;
  RestorePlan plan = image.stream();
  test::installed(plan) = {};
  check_restored(image, plan);
}

TEST_CASE("plans that could not work are refused") {
  const PagedImage image;
  const memory::GuestMemory guest(PagedImage::kMemory);
  const auto refused = [&](auto change) {
    RestorePlan plan = image.stream();
    change(test::installed(plan));
    return test::error_of([&] { Pager(plan, guest, image.files()); }).kind() ==
           ErrorKind::invalid_argument;
  };
  using Load = InstallWhileRunning;
  CHECK(refused([](Load& load) { load.reads.push_back(load.reads.front()); }));
  CHECK(refused([&](Load& load) { load.zero_pages.push_back(image.nonzero().back()); }));
  CHECK(refused([](Load& load) { load.zero_pages.push_back(load.zero_pages.front()); }));
  CHECK(refused([](Load& load) { load.zero_pages.push_back({{PagedImage::kMemory.pages()}, 1}); }));
  CHECK(refused([](Load& load) { load.reads.front().file = Backing::loading_set; }));
  for (const InstallTuning& tuning :
       {InstallTuning{.piece = {100}}, InstallTuning{.depth = 0}, InstallTuning{.zero_pages = 0},
        InstallTuning{.miss_pages = 1000}, InstallTuning{.misses = 0}}) {
    const auto make = [&] { Pager(image.stream(), guest, image.files(), {}, tuning); };
    CHECK(test::error_of(make).kind() == ErrorKind::invalid_argument);
  }
}

}  // namespace
}  // namespace faasnap::paging
