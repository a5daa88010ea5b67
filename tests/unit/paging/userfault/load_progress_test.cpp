// SPDX-License-Identifier: Apache-2.0

#include "paging/userfault/load_progress.h"

#include <catch2/catch_test_macros.hpp>

#include "paging/support.h"
#include "paging/userfault/stream_loader.h"

namespace faasnap::paging {
namespace {

constexpr Bytes kProgressMemory{1000 * kPageSize};

ReadPiece bringing(std::vector<PageRange> guest) {
  ReadPiece made;
  made.guest = std::move(guest);
  return made;
}

// Pieces of a page each from page 0 on, and stretches of a page each from page 100 on.
class Parts : public LoadProgress {
 public:
  Parts(std::uint64_t pieces, std::uint64_t zeros, unsigned buffers)
      : LoadProgress(make_pieces(pieces), make_zeros(zeros), kProgressMemory, buffers) {}

 private:
  static std::vector<ReadPiece> make_pieces(std::uint64_t count) {
    std::vector<ReadPiece> pieces;
    for (std::uint64_t i = 0; i < count; ++i) {
      pieces.push_back(bringing({{{i}, 1}}));
    }
    return pieces;
  }
  static std::vector<ZeroStretch> make_zeros(std::uint64_t count) {
    std::vector<ZeroStretch> zeros;
    for (std::uint64_t i = 0; i < count; ++i) {
      zeros.push_back({{{100 + i}, 1}, true});
    }
    return zeros;
  }
};

TEST_CASE("each page is found in the part that brings it") {
  LoadProgress progress({bringing({{{500}, 10}, {{20}, 5}}), bringing({{{100}, 1}})},
                        {{{{25}, 5}, true}, {{{0}, 3}, false}}, kProgressMemory, 2);
  const auto expect = [&](PartState state, std::initializer_list<std::uint64_t> pages) {
    for (const std::uint64_t page : pages) {
      INFO(page);
      CHECK(progress.state_of({page}) == state);
    }
  };
  expect(PartState::waiting, {500, 509, 24, 100, 25, 0});
  progress.begin({});
  CHECK(progress.next_read()->part == 0);
  CHECK(progress.take_zeros()->part == 2);
  expect(PartState::reading, {500, 509, 20, 24});
  expect(PartState::installing, {25, 29});
  expect(PartState::waiting, {100, 0, 2});
  for (const std::uint64_t page : {3, 19, 30, 99, 101, 510, 999}) {
    CHECK_FALSE(progress.state_of({page}).has_value());
  }
}

TEST_CASE("a page in two parts, or beyond memory, is refused") {
  const auto refused = [](std::vector<PageRange> data, std::vector<ZeroStretch> zeros) {
    return test::error_of([&] {
             LoadProgress({bringing(std::move(data))}, std::move(zeros), kProgressMemory, 1);
           }).kind() == ErrorKind::invalid_argument;
  };
  CHECK(refused({{{10}, 5}, {{14}, 1}}, {}));
  CHECK(refused({{{10}, 5}}, {{{{8}, 3}, true}}));
  CHECK(refused({{{999}, 2}}, {}));
  CHECK(refused({{{~0ULL}, 2}}, {}));
  CHECK(refused({{{0}, ~0ULL}}, {}));
}

TEST_CASE("nothing is handed out before the beginning, nor after it was cancelled") {
  Parts queue(2, 2, 2);
  CHECK_FALSE(queue.next_read());
  CHECK_FALSE(queue.take_zeros());
  queue.begin({});
  CHECK(queue.next_read());
  CHECK(queue.take_zeros());
  queue.helper().drain();
  queue.cancel();
  CHECK(queue.helper().drain());
  CHECK_FALSE(queue.next_read());
  CHECK_FALSE(queue.take_zeros());
  CHECK(queue.cancelled());
}

TEST_CASE("pieces are read in order, as many at once as there are buffers") {
  Parts queue(3, 0, 2);
  queue.begin({});
  const auto first = queue.next_read();
  const auto second = queue.next_read();
  REQUIRE((first && second));
  CHECK(first->part == 0);
  CHECK(second->part == 1);
  CHECK(first->buffer != second->buffer);
  CHECK_FALSE(queue.next_read());
  queue.add_ready(*first);
  CHECK_FALSE(queue.next_read());
  const auto work = queue.take_piece();
  REQUIRE(work);
  queue.finish(*work);
  const auto third = queue.next_read();
  REQUIRE(third);
  CHECK(third->part == 2);
  CHECK(third->buffer == first->buffer);
}

TEST_CASE("of what is ready the earliest piece is installed first") {
  Parts queue(3, 0, 3);
  queue.begin({});
  const auto first = queue.next_read();
  const auto second = queue.next_read();
  const auto third = queue.next_read();
  REQUIRE((first && second && third));
  CHECK(queue.helper().drain());  // it has begun
  queue.add_ready(*third);
  CHECK_FALSE(queue.helper().drain());
  queue.add_ready(*first);
  CHECK(queue.helper().drain());  // there is more than the reader is about to install
  CHECK(queue.take_piece()->part == 0);
  CHECK(queue.take_piece()->part == 2);
  CHECK_FALSE(queue.take_piece());
}

TEST_CASE("a part's state says how far it has come") {
  Parts queue(1, 1, 1);
  queue.begin({});
  CHECK(queue.state_of({0}) == PartState::waiting);
  const auto read = queue.next_read();
  CHECK(queue.state_of({0}) == PartState::reading);
  queue.add_ready(*read);
  CHECK(queue.state_of({0}) == PartState::ready);
  const auto piece = queue.take_piece();
  CHECK(queue.state_of({0}) == PartState::installing);
  queue.finish(*piece);
  CHECK(queue.state_of({0}) == PartState::installed);
  CHECK_FALSE(queue.all_installed());
  const auto zeros = queue.take_zeros();
  CHECK(zeros->part == 1);
  CHECK(queue.state_of({100}) == PartState::installing);
  queue.finish(*zeros);
  CHECK(queue.all_installed());
}

TEST_CASE("the figures count what has come, and what was read for it") {
  ReadPiece piece = bringing({{{5}, 2}, {{9}, 1}});
  piece.length = 4_KiB;  // compressed
  LoadProgress progress({piece, bringing({{{50}, 9}})}, {{{{20}, 7}, true}}, kProgressMemory, 2);
  progress.begin({});
  progress.add_ready(*progress.next_read());
  progress.finish(*progress.take_piece());
  progress.finish(*progress.take_zeros());
  const PrefetchStats stats = progress.stats();
  CHECK(stats.reads == 1);
  CHECK(stats.pages == 3);
  CHECK(stats.bytes == 12_KiB);
  CHECK(stats.read == 4_KiB);
  CHECK(stats.zero_pages == 7);
}

TEST_CASE("waiting ends with the work, and throws what ended it") {
  Parts queue(1, 0, 1);
  queue.begin(Nanoseconds(100));
  CHECK_FALSE(queue.stats().finished);
  queue.end(Nanoseconds(350), std::make_exception_ptr(std::runtime_error("broken")));
  CHECK(queue.stats().finished);
  CHECK(queue.stats().duration == Nanoseconds(250));
  CHECK_THROWS_AS(queue.wait(), std::runtime_error);
}

TEST_CASE("zero pages must not have data") {
  const auto refused = [](PageRange zeros) {
    const RestorePlan plan{.faults =
                               HandledFaults{.nonzero = {{{10}, 5}, {{30}, 2}},
                                             .load = InstallWhileRunning{.zero_pages = {zeros}}}};
    try {
      plan_progress(plan, handled_pages(plan, kProgressMemory), kProgressMemory, {});
      return false;
    } catch (const Error& error) {
      return error.kind() == ErrorKind::invalid_argument;
    }
  };
  CHECK_FALSE(refused({{15}, 15}));
  CHECK_FALSE(refused({{0}, 10}));
  CHECK_FALSE(refused({{32}, 500}));
  CHECK(refused({{15}, 16}));
  CHECK(refused({{14}, 1}));
  CHECK(refused({{0}, 100}));
}

}  // namespace
}  // namespace faasnap::paging
