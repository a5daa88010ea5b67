#include "paging/pager.h"

#include <sys/mman.h>
#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <thread>
#include <vector>

#include "paging/pager_fixture.h"

namespace faasnap::paging {
namespace {

using test::PagedImage;

// Restores with `plan`, and compares every byte from several threads, each in its own order, while
// it is loaded.
void check_restored(const PagedImage& image, const RestorePlan& plan) {
  (void)image.image();
  const memory::GuestMemory guest(PagedImage::kMemory);
  Pager pager(plan, guest, image.files());
  pager.start();
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
  pager.wait();
  CHECK(different == 0);
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

TEST_CASE("a streamed set is installed whole, and no access to it is a fault afterwards") {
  const PagedImage image;
  const memory::GuestMemory guest(PagedImage::kMemory);
  Pager pager(image.stream(), guest, image.files());
  CHECK(pager.buffers() > Bytes{});
  pager.start();
  pager.wait();
  const PrefetchStats stats = pager.prefetch_stats();
  CHECK(stats.finished);
  CHECK(stats.pages == PagedImage::count(image.set()));
  CHECK(stats.zero_pages == PagedImage::count(image.zeros()));
  CHECK(stats.bytes == Bytes{stats.pages * kPageSize});
  for (const auto& ranges : {image.set(), image.zeros()}) {
    for (const PageRange& range : ranges) {
      for (PageIndex page = range.first; page < range.end(); page = page + 1) {
        const auto offset = page.offset().value;
        REQUIRE(std::memcmp(guest.host().data() + offset, image.image().data() + offset,
                            kPageSize) == 0);
      }
    }
  }
  CHECK(pager.faults() == 0);
}

}  // namespace
}  // namespace faasnap::paging
