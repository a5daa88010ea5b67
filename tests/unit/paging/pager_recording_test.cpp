// SPDX-License-Identifier: Apache-2.0

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <thread>
#include <vector>

#include "paging/pager_fixture.h"

namespace faasnap::paging {
namespace {

using test::at;
using test::PagedImage;
using test::touch;

TEST_CASE("recorded accesses are the first touches of pages, in order, and what they were") {
  const PagedImage image;
  const memory::GuestMemory guest(PagedImage::kMemory);
  Pager pager(image.recording(), guest, image.files());
  pager.start();
  const PageIndex data = image.nonzero()[5].first;
  const PageIndex other = image.nonzero()[2].first;
  const PageIndex zero = PagedImage::kLongGap.first + 7;
  touch(guest, data);
  at(guest, zero) = std::byte{1};
  touch(guest, zero + 3);
  touch(guest, data);
  at(guest, other) = std::byte{1};
  at(guest, data) = std::byte{1};
  const auto accesses = pager.accesses();
  REQUIRE(accesses.size() == 4);
  const std::array<PageAccess, 4> expected = {{{data, {}, false, false},
                                               {zero, {}, true, true},
                                               {zero + 3, {}, false, true},
                                               {other, {}, true, false}}};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK(accesses[i].page == expected[i].page);
    CHECK(accesses[i].write == expected[i].write);
    CHECK(accesses[i].zero == expected[i].zero);
    CHECK(accesses[i].time >= (i == 0 ? Nanoseconds(0) : accesses[i - 1].time));
  }
}

TEST_CASE("with a set to install, the accesses recorded are those that it lacks, one by one") {
  const PagedImage image;
  const memory::GuestMemory guest(PagedImage::kMemory);
  RestorePlan plan = image.stream();
  std::get<HandledFaults>(plan.faults).record = AccessRecording::all;
  Pager pager(plan, guest, image.files());
  touch(guest, image.set()[0].first);  // before it is loaded
  pager.start();
  pager.wait();
  const PageIndex data = image.unforeseen_data(2);
  touch(guest, image.set()[1].first);
  touch(guest, image.zeros()[0].first);
  at(guest, data) = std::byte{1};
  touch(guest, data + 1);
  const auto accesses = pager.accesses();
  REQUIRE(accesses.size() == 2);
  CHECK(accesses[0].page == data);
  CHECK(accesses[0].write);
  CHECK(accesses[0].missed);
  CHECK(accesses[1].page == data + 1);
}

TEST_CASE("misses are noted when the guest waited for them, and not what came along") {
  const PagedImage image;
  const memory::GuestMemory guest(PagedImage::kMemory);
  RestorePlan plan = image.stream();
  std::get<HandledFaults>(plan.faults).record = AccessRecording::misses;
  Pager pager(plan, guest, image.files());
  pager.start();
  pager.wait();
  const PageIndex data = image.unforeseen_data(2);
  touch(guest, image.set()[0].first);
  touch(guest, data);
  touch(guest, data + 1);                        // came along
  touch(guest, PagedImage::kLongGap.first + 7);  // the kernel answers
  const auto accesses = pager.accesses();
  REQUIRE(accesses.size() == 1);
  CHECK(accesses[0].page == data);
  CHECK(accesses[0].missed);
}

TEST_CASE("each page that several threads touch at once is recorded once") {
  const PagedImage image;
  const memory::GuestMemory guest(PagedImage::kMemory);
  Pager pager(image.recording(), guest, image.files());
  pager.start();
  constexpr std::uint64_t kTouched = 2000;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      for (std::uint64_t page = 0; page < kTouched; ++page) {
        touch(guest, {page * 3});
      }
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  std::vector<std::uint64_t> pages;
  for (const PageAccess& access : pager.accesses()) {
    pages.push_back(access.page.value);
  }
  std::sort(pages.begin(), pages.end());
  REQUIRE(pages.size() == kTouched);
  for (std::uint64_t i = 0; i < kTouched; ++i) {
    REQUIRE(pages[i] == i * 3);
  }
}

}  // namespace
}  // namespace faasnap::paging
