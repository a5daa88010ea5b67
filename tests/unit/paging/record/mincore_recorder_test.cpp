// SPDX-License-Identifier: Apache-2.0

#include "paging/record/mincore_recorder.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <random>
#include <thread>

#include "base/files/mapping.h"
#include "paging/support.h"

namespace faasnap::paging {
namespace {

constexpr Bytes kSize = 64_MiB;

std::vector<bool> bits_of(const std::vector<PageGroup>& groups) {
  std::vector<bool> bits(kSize.pages());
  for (const auto& group : groups) {
    PageIndex end{0};
    for (const PageRange& range : group) {
      REQUIRE((range.first >= end || end.value == 0));
      end = range.end();
      for (PageIndex page = range.first; page < range.end(); page = page + 1) {
        REQUIRE_FALSE(bits[page.value]);
        bits[page.value] = true;
      }
    }
  }
  return bits;
}

std::uint64_t size_of(const PageGroup& group) {
  std::uint64_t pages = 0;
  for (const PageRange& range : group) {
    pages += range.count;
  }
  return pages;
}

std::uint64_t pages_within(const PageGroup& group, PageRange bounds) {
  std::uint64_t pages = 0;
  for (const PageRange& range : group) {
    const PageIndex first = std::max(range.first, bounds.first);
    const PageIndex end = std::min(range.end(), bounds.end());
    pages += first < end ? end - first : 0;
  }
  return pages;
}

// A cold memory file, mapped as lazy maps it but without read-ahead.
struct Guest {
  test::ScratchDirectory directory;
  test::PageFile file{directory.path() / "memory", kSize, 0};
  base::Mapping view;

  Guest() {
    file.write({{0}, kSize.pages()});
    file.make_cold();
    view = base::Mapping::file(file.fd(), 0, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    REQUIRE(::madvise(view.data(), kSize.value, MADV_RANDOM) == 0);
  }
  void touch(PageIndex page) const {
    const volatile std::byte* target = view.data() + page.offset().value;
    (void)*target;
  }
};

TEST_CASE("the recording holds every page that was touched, read or written, and no other") {
  const Guest guest;
  MincoreRecorder recorder(guest.file.ref(), kSize, 1024);
  std::mt19937 random(1);
  std::vector<bool> touched(kSize.pages());
  for (int i = 0; i < 3000; ++i) {
    const PageIndex page{random() % kSize.pages()};
    guest.touch(page);
    touched[page.value] = true;
    if (i % 3 == 0) {
      guest.view.data()[page.offset().value] = std::byte{1};
    }
  }
  const auto recorded = bits_of(recorder.finish());
  FileResidency now(guest.file.ref(), kSize);
  unsigned missed = 0;
  for (PageIndex page{0}; page.value < kSize.pages(); page = page + 1) {
    REQUIRE((touched[page.value] || !recorded[page.value]));
    if (touched[page.value] && !recorded[page.value]) {
      ++missed;  // the kernel may drop a page that was written, and copied, between two looks
      REQUIRE((now.query({page, 1})[0] & 1) == 0);
    }
  }
  CHECK(missed < 30);
}

TEST_CASE("groups follow the growth of what is resident") {
  const Guest guest;
  MincoreRecorder recorder(guest.file.ref(), kSize, 256);
  const std::array<std::uint64_t, 4> starts = {8000, 2000, 12000, 100};
  for (const std::uint64_t start : starts) {
    for (std::uint64_t page = 0; page < 256; ++page) {
      guest.touch(PageIndex{start + page});
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
  }
  const auto groups = recorder.finish();
  REQUIRE(groups.size() == starts.size());
  // The host may take back a page before it is seen, and a later one then completes the group.
  for (std::size_t i = 0; i < starts.size(); ++i) {
    CHECK(pages_within(groups[i], {{starts[i]}, 256}) >= 250);
  }
}

TEST_CASE("a growth of several groups at once makes as many groups") {
  const Guest guest;
  MincoreRecorder recorder(guest.file.ref(), kSize, 100);
  for (std::uint64_t page = 0; page < 1000; ++page) {
    guest.touch(PageIndex{5000 + page});
  }
  const auto groups = recorder.finish();
  REQUIRE(groups.size() >= 9);  // of ten, should the host take back some pages before they are seen
  for (std::size_t i = 0; i + 1 < groups.size(); ++i) {
    CHECK(size_of(groups[i]) == 100);
  }
}

TEST_CASE("what has not grown to a group is in the last one") {
  const Guest guest;
  MincoreRecorder recorder(guest.file.ref(), kSize, 1024);
  guest.touch(PageIndex{5});
  guest.touch(PageIndex{7});
  const auto groups = recorder.finish();
  REQUIRE(groups.size() == 1);
  CHECK(groups[0] == PageGroup{{{5}, 1}, {{7}, 1}});
}

TEST_CASE("pages that are resident from the start come first") {
  const Guest guest;
  guest.touch(PageIndex{9});
  MincoreRecorder recorder(guest.file.ref(), kSize, 1);
  std::this_thread::sleep_for(std::chrono::milliseconds(150));
  guest.touch(PageIndex{3});
  const auto groups = recorder.finish();
  REQUIRE(groups.size() == 2);
  CHECK(size_of(groups[0]) == 1);
  CHECK(groups[0][0].first == PageIndex{9});
}

TEST_CASE("a recording of nothing has no groups") {
  const Guest guest;
  CHECK(MincoreRecorder(guest.file.ref(), kSize, 1024).finish().empty());
}

TEST_CASE("a recorder that is not finished stops by itself") {
  const Guest guest;
  for (int i = 0; i < 50; ++i) {
    const MincoreRecorder recorder(guest.file.ref(), kSize, 16);
    guest.touch(PageIndex{static_cast<std::uint64_t>(i) * 17});
  }
  SUCCEED();
}

TEST_CASE("a file in memory cannot be recorded from") {
  const base::UniqueFd file(::memfd_create("memory", MFD_CLOEXEC));
  REQUIRE(::ftruncate(file.get(), static_cast<off_t>(kSize.value)) == 0);
  const Error error = test::error_of([&] { MincoreRecorder({&file, "memory"}, kSize, 1024); });
  CHECK(error.kind() == ErrorKind::unsupported);
}

TEST_CASE("groups of no pages are refused") {
  const test::ScratchDirectory directory;
  const test::PageFile file(directory.path() / "memory", kSize, 0);
  CHECK(test::error_of([&] { MincoreRecorder(file.ref(), kSize, 0); }).kind() ==
        ErrorKind::invalid_argument);
}

}  // namespace
}  // namespace faasnap::paging
