// SPDX-License-Identifier: Apache-2.0

#include "paging/reads/read_queue.h"

#include <poll.h>
#include <sys/mman.h>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <vector>

#include "base/files/mapping.h"
#include "paging/support.h"

namespace faasnap::paging {
namespace {

// A file of 64 pages.
struct Pages {
  static constexpr PageRange kAll{{0}, 64};
  test::ScratchDirectory directory;
  test::PageFile file{directory.path() / "file", kAll.size(), 0};

  Pages() { file.write(kAll); }
  bool has(std::span<const std::byte> bytes, PageRange pages) const {
    for (std::uint64_t i = 0; i < pages.count; ++i) {
      const auto page = bytes.subspan(i * kPageSize, kPageSize);
      if (!std::ranges::equal(page, file.content(pages.first + i))) {
        return false;
      }
    }
    return true;
  }
};

// Waits for all reads, and returns the slots in which they were, sorted.
std::vector<unsigned> finish(ReadQueue& queue) {
  std::vector<unsigned> slots;
  while (queue.under_way() != 0) {
    queue.submit_and_wait(1);
    queue.take_ended([&](unsigned slot) { slots.push_back(slot); });
  }
  std::ranges::sort(slots);
  return slots;
}

TEST_CASE("each read brings its bytes into the buffer of its slot") {
  const Pages pages;
  ReadQueue queue(3, 16_KiB);
  queue.read(0, pages.file.ref(), 8_KiB, 16_KiB);
  queue.read(2, pages.file.ref(), 64_KiB, 4_KiB);
  CHECK(queue.under_way() == 2);
  CHECK(finish(queue) == std::vector<unsigned>{0, 2});
  CHECK(pages.has(queue.buffer(0), {{2}, 4}));
  CHECK(pages.has(queue.buffer(2), {{16}, 1}));
  CHECK(queue.buffers() >= 48_KiB);
}

TEST_CASE("a slot is free before its read and after it, and not while it is under way") {
  const Pages pages;
  ReadQueue queue(2, 4_KiB);
  CHECK(queue.free_slot() == 0U);
  queue.read(0, pages.file.ref(), {}, 4_KiB);
  CHECK(queue.free_slot() == 1U);
  queue.read(1, pages.file.ref(), {}, 4_KiB);
  CHECK_FALSE(queue.free_slot().has_value());
  finish(queue);
  CHECK(queue.free_slot() == 0U);
}

TEST_CASE("a read into the page cache brings its pages there and needs no buffer") {
  const Pages pages;
  pages.file.make_cold();
  for (const bool populates : {false, true}) {
    const auto mapped =
        base::Mapping::file(pages.file.fd(), 0, pages.file.size(), PROT_READ, MAP_PRIVATE);
    ReadQueue queue(1);
    queue.read_into_page_cache(
        0, pages.file.ref(), 16_KiB, 128_KiB,
        populates ? mapped.bytes().subspan(16384, 131072) : std::span<std::byte>());
    CHECK(finish(queue) == std::vector<unsigned>{0});
    FileResidency residency(pages.file.ref(), pages.file.size());
    CHECK(test::nearly_all(test::resident_in(residency, {{4}, 32}), 32));
    CHECK(queue.buffers() == Bytes{});
  }
}

TEST_CASE("a file that ends before a read does is an error that names it, populated or read") {
  const Pages pages;
  const auto mapped =
      base::Mapping::file(pages.file.fd(), 0, pages.file.size(), PROT_READ, MAP_PRIVATE);
  REQUIRE(::ftruncate(pages.file.fd().get(), 5 * kPageSize) == 0);
  const auto refused = [&](auto read) {
    ReadQueue queue(1, 32_KiB);
    read(queue);
    const Error error = test::error_of([&] { finish(queue); });
    return error.kind() == ErrorKind::corrupt && error.path() == pages.file.ref().path.string();
  };
  CHECK(refused([&](ReadQueue& queue) { queue.read(0, pages.file.ref(), {}, 32_KiB); }));
  CHECK(refused(
      [&](ReadQueue& queue) { queue.read_into_page_cache(0, pages.file.ref(), {}, 32_KiB); }));
  CHECK(refused([&](ReadQueue& queue) {
    queue.read_into_page_cache(0, pages.file.ref(), {}, 32_KiB, mapped.bytes().first(32768));
  }));
}

TEST_CASE("the end of a read signals the event") {
  const Pages pages;
  const base::EventFd event;
  ReadQueue queue(1, 4_KiB);
  queue.signal(event);
  queue.read(0, pages.file.ref(), {}, 4_KiB);
  queue.submit();
  pollfd waiting{event.get(), POLLIN, 0};
  REQUIRE(::poll(&waiting, 1, 10'000) == 1);
  unsigned ended = 0;
  CHECK(queue.take_ended([&](unsigned) { ++ended; }));
  CHECK(ended == 1);
  CHECK_FALSE(queue.take_ended([&](unsigned) { ++ended; }));
}

TEST_CASE("a closed queue has let its reads end, and keeps its buffers") {
  const Pages pages;
  ReadQueue queue(1, 4_KiB);
  queue.read(0, pages.file.ref(), 4_KiB, 4_KiB);
  queue.submit();
  queue.close();
  CHECK(pages.has(queue.buffer(0), {{1}, 1}));
}

}  // namespace
}  // namespace faasnap::paging
